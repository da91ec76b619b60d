// SPDX-License-Identifier: Apache-2.0
// Every way to write a plan that cannot work, and what the refusal says.
#include <gtest/gtest.h>

#include "plan/plan.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/plan/plan_text.h"

namespace millrace {
namespace {

using testing::Changed;
using ::testing::HasSubstr;
using testing::IsStatus;

// One way to spoil kShort, and what the refusal says.
struct RefusedPlan {
  const char* name;
  const char* from;
  const char* to;
  const char* message;
};

void PrintTo(const RefusedPlan& refusal, std::ostream* out) { *out << refusal.name; }

class PlanRefusalTest : public ::testing::TestWithParam<RefusedPlan> {};

TEST_P(PlanRefusalTest, NamesTheKeyItsValueAndWhy) {
  EXPECT_THAT(ParsePlan(Changed({{GetParam().from, GetParam().to}})),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

constexpr char kName[] = "name = \"r\"";
constexpr char kModel[] = "kind = \"mlp\"\nhidden = [8]";
constexpr char kChannels[] = "channels = [\"a\", \"b\"]";
constexpr char kLabel[] = "kind = \"run_to_failure\"\ncap = 125\n";
constexpr char kEnd[] = "cap = 125\n";
constexpr char kOff[] = "secure_aggregation = \"off\"";

const RefusedPlan kSecure[] = {
    {"UnknownMode", kOff, "secure_aggregation = 'on'",
     "secure_aggregation = \"on\": must be one of off, honest_but_curious, malicious"},
    {"TooFewSitesToHideAmong", kOff, "",
     "[cohort] target: secure aggregation needs at least 4 (three beyond those assumed corrupt, "
     "and more than half of those invited); "
     "with fewer sites invite fewer ([cohort] over_selection) or set secure_aggregation = \"off\""},
    {"MinimumTooSmallToHideAmong", "secure_aggregation = \"off\"\n[run]",
     "[cohort]\ntarget = 20\nminimum = 4\n[run]",
     "[cohort] minimum = 4: secure aggregation of 20 updates needs at least 12"},
    {"OddBits", kEnd, "cap = 125\n[secure]\nbits = 20", "[secure] bits = 20: must be 16, 24 or 32"},
    {"BoundZero", kEnd, "cap = 125\n[secure]\nbound = 0", "[secure] bound = 0: must be above 0"},
    {"KeyOfTheOtherGraph", kEnd, "cap = 125\n[secure]\nsecurity_bits = 40",
     "[secure] security_bits = 40: only graph regular uses it"},
    {"SumThatOverflows", "secure_aggregation = \"off\"\n[run]",
     "[cohort]\ntarget = 20000\nminimum = 9000\n[secure]\nbits = 16\n[run]",
     "[cohort] target = 20000: [secure] bits = 16 carries the sum of at most 16383 sites"},
};

const RefusedPlan kRun[] = {
    {"UnknownTable", "[run]", "[runs]", "line 2: [runs]: unknown table; did you mean run?"},
    {"UnknownKey", kName, "name = 'r'\nround = 3",
     "line 4: [run] round: unknown key; did you mean rounds?"},
    {"NameMissing", kName, "", "line 2: [run] name: missing"},
    {"NameEmpty", kName, "name = ''", "[run] name = \"\": must not be empty"},
    {"NameWithSlash", kName, "name = 'a/b'", "[run] name = \"a/b\": must be 1 to 56 letters"},
    {"NameOfDots", kName, "name = '..'", "[run] name = \"..\": must be 1 to 56 letters"},
    {"NameTooLongForTheNamesOfItsRuns", kName,
     "name = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
     ": must be 1 to 56 letters"},
    {"NoRounds", kName, "name = 'r'\nrounds = 0", "[run] rounds = 0: must be from 1 to 100000"},
    {"TooManyRounds", kName, "name = 'r'\nrounds = 100001",
     "[run] rounds = 100001: must be from 1 to 100000"},
    {"NegativeSeed", kName, "name = 'r'\nseed = -1", "[run] seed = -1: must be at least 0"},
};
INSTANTIATE_TEST_SUITE_P(Run, PlanRefusalTest, ::testing::ValuesIn(kRun),
                         [](const auto& info) { return info.param.name; });

const RefusedPlan kCohort[] = {
    {"MinimumAboveTarget", kEnd, "cap = 125\n[cohort]\ntarget = 4\nminimum = 5",
     "line 14: [cohort] minimum = 5: must be at most target (4)"},
    {"MinimumZero", kEnd, "cap = 125\n[cohort]\nminimum = 0",
     "[cohort] minimum = 0: must be at least 1"},
    {"TargetZero", kEnd, "cap = 125\n[cohort]\ntarget = 0",
     "[cohort] target = 0: must be from 1 to 65536"},
    {"OverSelectionNegative", kEnd, "cap = 125\n[cohort]\nover_selection = -0.1",
     "[cohort] over_selection = -0.1: must be at least 0 and at most 10"},
    {"OverSelectionTooLarge", kEnd, "cap = 125\n[cohort]\nover_selection = 10.5",
     "[cohort] over_selection = 10.5: must be at least 0 and at most 10"},
    {"OverSelectionInvitesTooMany", kEnd,
     "cap = 125\n[cohort]\ntarget = 60000\nover_selection = 0.1",
     "[cohort] over_selection = 0.1: invites 66000 sites; a round has at most 65536"},
    {"OverSelectionNan", kEnd, "cap = 125\n[cohort]\nover_selection = nan",
     "[cohort] over_selection = nan: must be a finite number"},
    {"DeadlineZero", kEnd, "cap = 125\n[cohort]\ndeadline_s = 0",
     "[cohort] deadline_s = 0: must be from 1"},
    {"BackoffZero", kEnd, "cap = 125\n[cohort]\nbackoff_s = 0",
     "[cohort] backoff_s = 0: must be from 1"},
    {"NoAttempts", kEnd, "cap = 125\n[cohort]\nattempts = 0",
     "[cohort] attempts = 0: must be from 1"},
};
INSTANTIATE_TEST_SUITE_P(Cohort, PlanRefusalTest, ::testing::ValuesIn(kCohort),
                         [](const auto& info) { return info.param.name; });

const RefusedPlan kStarts[] = {
    {"ShareMissing", kEnd, "cap = 125\n[start]\nat_least_sites = 2",
     "[start] on_drift_share: missing; of the sites; without [start] a run begins at once"},
    {"SectionEmpty", kEnd, "cap = 125\n[start]\n", "[start] on_drift_share: missing"},
    {"SectionIsNone", kOff, "secure_aggregation = 'off'\nstart = 0.5",
     "start = 0.5: must be a table"},
    {"ShareZero", kEnd, "cap = 125\n[start]\non_drift_share = 0",
     "[start] on_drift_share = 0: must be above 0 and at most 1"},
    {"ShareOfPercents", kEnd, "cap = 125\n[start]\non_drift_share = 30",
     "[start] on_drift_share = 30: must be above 0 and at most 1"},
    {"ShareNan", kEnd, "cap = 125\n[start]\non_drift_share = nan",
     "[start] on_drift_share = nan: must be a finite number"},
    {"NoSites", kEnd, "cap = 125\n[start]\non_drift_share = 0.3\nat_least_sites = 0",
     "[start] at_least_sites = 0: must be from 1 to 65536"},
    {"SeenWithinASecond", kEnd, "cap = 125\n[start]\non_drift_share = 0.3\nseen_within_s = 1",
     "[start] seen_within_s = 1: must be from 60"},
    {"UnknownKeyOfStart", kEnd, "cap = 125\n[start]\non_drift_share = 0.3\nat_least = 2",
     "[start] at_least: unknown key"},
};
INSTANTIATE_TEST_SUITE_P(Start, PlanRefusalTest, ::testing::ValuesIn(kStarts),
                         [](const auto& info) { return info.param.name; });

const RefusedPlan kModels[] = {
    {"KindMissing", kModel, "", "line 4: [model] kind: missing"},
    {"KindUnknown", kModel, "kind = 'grus'",
     "[model] kind = \"grus\": must be one of mlp, cnn1d, gru, lstm, autoencoder; did you mean "
     "gru?"},
    {"MlpWithoutHidden", kModel, "kind = 'mlp'", "[model] hidden: missing"},
    {"MlpWithNoLayer", kModel, "kind = 'mlp'\nhidden = []",
     "[model] hidden = []: must have at least one layer"},
    {"HiddenTooWide", kModel, "kind = 'mlp'\nhidden = [65537]",
     "each entry must be from 1 to 65536"},
    {"GruWithTwoEntries", kModel, "kind = 'gru'\nhidden = [8, 8]",
     "kind gru takes exactly one entry"},
    {"LstmWithNoEntry", kModel, "kind = 'lstm'\nhidden = []", "kind lstm takes exactly one entry"},
    {"GruWithoutHidden", kModel, "kind = 'gru'", "[model] hidden: missing"},
    {"LayersZero", kModel, "kind = 'gru'\nhidden = [8]\nlayers = 0",
     "[model] layers = 0: must be from 1"},
    {"MlpWithLayers", kModel, "kind = 'mlp'\nhidden = [8]\nlayers = 2",
     "[model] layers = 2: not used by kind mlp; remove it"},
    {"MlpWithFilters", kModel, "kind = 'mlp'\nhidden = [8]\nfilters = [4]", "not used by kind mlp"},
    {"MlpWithKernel", kModel, "kind = 'mlp'\nhidden = [8]\nkernel = 3",
     "[model] kernel = 3: not used by kind mlp"},
    {"MlpWithConvolutional", kModel, "kind = 'mlp'\nhidden = [8]\nconvolutional = true",
     "[model] convolutional = true: not used by kind mlp"},
    {"GruWithPool", kModel, "kind = 'gru'\nhidden = [8]\npool = 2",
     "[model] pool = 2: not used by kind gru"},
    {"CnnWithHidden", kModel, "kind = 'cnn1d'\nfilters = [4]\nhidden = [8]",
     "not used by kind cnn1d"},
    {"CnnWithoutFilters", kModel, "kind = 'cnn1d'", "[model] filters: missing"},
    {"CnnWithNoBlock", kModel, "kind = 'cnn1d'\nfilters = []", "must have 1 to 64 entries"},
    {"CnnWithTooFewStrides", kModel, "kind = 'cnn1d'\nfilters = [4, 8]\nstrides = [2]",
     "must have one entry per entry of filters (2)"},
    {"KernelZero", kModel, "kind = 'cnn1d'\nfilters = [4]\nkernel = 0",
     "[model] kernel = 0: must be from 1"},
    {"PoolZero", kModel, "kind = 'cnn1d'\nfilters = [4]\npool = 0",
     "[model] pool = 0: must be from 1"},
    {"DenseAutoencoderWithFilters", kModel, "kind = 'autoencoder'\nhidden = [8]\nfilters = [4]",
     "not used by kind autoencoder without convolutional"},
    {"ConvolutionalAutoencoderWithHidden", kModel,
     "kind = 'autoencoder'\nconvolutional = true\nfilters = [4]\nhidden = [8]",
     "not used by kind autoencoder with convolutional"},
    {"DenseAutoencoderWithStrides", kModel, "kind = 'autoencoder'\nhidden = [8]\nstrides = [2]",
     "not used by kind autoencoder without convolutional"},
    {"DropoutOne", kModel, "kind = 'mlp'\nhidden = [8]\ndropout = 1",
     "[model] dropout = 1: must be at least 0 and below 1"},
};
INSTANTIATE_TEST_SUITE_P(Model, PlanRefusalTest, ::testing::ValuesIn(kModels),
                         [](const auto& info) { return info.param.name; });

const RefusedPlan kInput[] = {
    {"ChannelsMissing", kChannels, "", "[input] channels: missing"},
    {"NoChannels", kChannels, "channels = []", "[input] channels = []: must name at least one"},
    {"EmptyChannel", kChannels, "channels = ['a', '']", "holds an empty name"},
    {"DuplicateChannel", kChannels, "channels = ['a', 'b', 'a']", "holds \"a\" twice"},
    {"ChannelsNotStrings", kChannels, "channels = [1]", "must be an array of strings"},
    {"WindowZero", kChannels, "channels = ['a']\nwindow = 0",
     "[input] window = 0: must be from 1 to 4194304"},
    {"WindowTimesChannelsTooLarge", kChannels, "channels = ['a', 'b']\nwindow = 2097153",
     "[input] window = 2097153: times 2 channels must be at most 4194304 values"},
    {"UnitsOfSomeChannels", kChannels, "channels = ['a', 'b']\nunits = ['A']",
     "must have one entry per entry of channels (2), \"\" where there is none"},
    {"UnitOfNoChannel", kChannels, "channels = ['a']\nunits = ['A', 'V']",
     "must have one entry per entry of channels (1)"},
    {"UnitsNotStrings", kChannels, "channels = ['a']\nunits = [1]", "must be an array of strings"},
    {"UnitWithAControlCharacter", kChannels, "channels = ['a']\nunits = [\"\\u0007\"]",
     "a unit has at most 64 bytes and no control characters"},
    {"RateZero", kChannels, "channels = ['a']\nrate_hz = 0",
     "[input] rate_hz = 0: must be at least 0.0001"},
    {"RateOfAnInstrument", kChannels, "channels = ['a']\nrate_hz = 2e6", "[input] rate_hz = 2e"},
    {"ModeInAnotherUnitThanItsChannel", kChannels,
     "channels = ['a']\nunits = ['rpm']\n[[input.mode]]\ncolumn = 'a'\nunit = 'Hz'\nmin = 0\nmax "
     "= 1",
     "[input.mode #1] unit = \"Hz\": [input] units has \"rpm\" for the same column"},
    {"StrideZero", kChannels, "channels = ['a']\nstride = 0", "[input] stride = 0: must be from 1"},
    {"NormalizationUnknown", kChannels, "channels = ['a']\nnormalization = 'batch'",
     "[input] normalization = \"batch\": must be one of federated, window, none"},
    {"WindowNormalizationOfOneStep", kChannels, "channels = ['a']\nnormalization = 'window'",
     "[input] normalization = \"window\": a window of 1 step has no deviation"},
    {"ModesWithWindowNormalization", kChannels,
     "channels = ['a']\nwindow = 2\nnormalization = 'window'\n[[input.mode]]\ncolumn = 'm'\nmin = "
     "0\nmax = 1",
     "[input] normalization = \"window\": [[input.mode]] is for federated normalization only"},
    {"ModesWithoutNormalization", kChannels,
     "channels = ['a']\nnormalization = 'none'\n[[input.mode]]\ncolumn = 'm'\nmin = 0\nmax = 1",
     "[input] normalization = \"none\": [[input.mode]] is for federated normalization only"},
    {"ModeWithoutColumn", kChannels, "channels = ['a']\n[[input.mode]]\nmin = 0\nmax = 1",
     "[input.mode #1] column: missing"},
    {"ModeWithoutMaximum", kChannels, "channels = ['a']\n[[input.mode]]\ncolumn = 'm'\nmin = 0",
     "[input.mode #1] max: missing"},
    {"ModeStepZero", kChannels,
     "channels = ['a']\n[[input.mode]]\ncolumn = 'm'\nmin = 0\nmax = 1\nstep = 0",
     "[input.mode #1] step = 0: must be above 0"},
    {"ModeMaximumBelowMinimum", kChannels,
     "channels = ['a']\n[[input.mode]]\ncolumn = 'm'\nmin = 2\nmax = 1",
     "[input.mode #1] max = 1: must be at least min (2)"},
    {"ModeWithTooManyCells", kChannels,
     "channels = ['a']\n[[input.mode]]\ncolumn = 'm'\nmin = 0\nmax = 4096\nstep = 1",
     "[input.mode #1] step = 1: min to max in such steps gives more than 4096"},
    {"ModeColumnTwice", kChannels,
     "channels = ['a']\n[[input.mode]]\ncolumn = 'm'\nmin = 0\nmax = 1\n[[input.mode]]\ncolumn = "
     "'m'\nmin = 0\nmax = 1",
     "[input.mode #2] column = \"m\": another [[input.mode]] has the same column"},
    {"ModeGridTooLarge", kChannels,
     "channels = ['a']\n[[input.mode]]\ncolumn = 'm'\nmin = 0\nmax = 63\n[[input.mode]]\ncolumn = "
     "'n'\nmin = 0\nmax = 64",
     "[input.mode]: the grid has more than 4096 operating modes"},
    {"ModeUnknownKey", kChannels,
     "channels = ['a']\n[[input.mode]]\ncolumn = 'm'\nmin = 0\nmax = 1\nsteps = 1",
     "[input.mode #1] steps: unknown key; did you mean step?"},
};
INSTANTIATE_TEST_SUITE_P(Secure, PlanRefusalTest, ::testing::ValuesIn(kSecure),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Input, PlanRefusalTest, ::testing::ValuesIn(kInput),
                         [](const auto& info) { return info.param.name; });

const RefusedPlan kLabels[] = {
    {"KindUnknown", kLabel, "kind = 'rul'",
     "must be one of none, column, recording, run_to_failure"},
    {"LabelMissing", "[label]\nkind = \"run_to_failure\"\ncap = 125\n", "",
     "[label] kind: none is for [model] kind autoencoder only; kind mlp needs"},
    {"NoneForAnMlp", kLabel, "kind = 'none'", "[label] kind = \"none\": none is for [model]"},
    {"AutoencoderWithALabel", "kind = \"mlp\"", "kind = 'autoencoder'",
     "[label] kind = \"run_to_failure\": an autoencoder reconstructs its input"},
    {"LabelThatIsAMode", kLabel,
     "kind = 'column'\ncolumn = 'y'\n[[input.mode]]\ncolumn = 'y'\nmin = 0\nmax = 1\n",
     "[label] column = \"y\": is also the column of an [[input.mode]]"},
    {"ColumnMissing", kLabel, "kind = 'column'", "[label] column: missing"},
    {"OneClass", kLabel, "kind = 'column'\ncolumn = 'y'\nclasses = 1",
     "[label] classes = 1: one class leaves nothing to tell apart"},
    {"NegativeClasses", kLabel, "kind = 'column'\ncolumn = 'y'\nclasses = -1",
     "[label] classes = -1: must be from 0"},
    {"CapWithColumn", kLabel, "kind = 'column'\ncolumn = 'y'\ncap = 3",
     "[label] cap = 3: not used with label kind column"},
    {"CapWithRecording", kLabel, "kind = 'recording'\nclasses = 3\ncap = 3",
     "[label] cap = 3: not used with label kind recording"},
    {"RecordingWithoutClassesAndColumn", kLabel, "kind = 'recording'",
     "[label] kind = \"recording\": recording labels need classes"},
    {"RunToFailureWithoutCap", kLabel, "kind = 'run_to_failure'", "[label] cap: missing"},
    {"CapZero", kLabel, "kind = 'run_to_failure'\ncap = 0", "[label] cap = 0: must be above 0"},
    {"RunToFailureWithClasses", kLabel, "kind = 'run_to_failure'\ncap = 9\nclasses = 2",
     "[label] classes = 2: not used with label kind run_to_failure"},
    {"RunToFailureWithColumn", kLabel, "kind = 'run_to_failure'\ncap = 9\ncolumn = 'y'",
     "[label] column = \"y\": not used with label kind run_to_failure"},
    {"LabelAmongTheChannels", kLabel, "kind = 'column'\ncolumn = 'b'",
     "[label] column = \"b\": is also one of [input] channels"},
};
INSTANTIATE_TEST_SUITE_P(Label, PlanRefusalTest, ::testing::ValuesIn(kLabels),
                         [](const auto& info) { return info.param.name; });

const RefusedPlan kTraining[] = {
    {"ValidationNegative", kEnd, "cap = 125\n[split]\nvalidation = -0.1",
     "[split] validation = -0.1: must be at least 0 and at most 0.9"},
    {"ValidationTooLarge", kEnd, "cap = 125\n[split]\nvalidation = 0.95",
     "[split] validation = 0.95: must be at least 0 and at most 0.9"},
    {"SplitUnknown", kEnd, "cap = 125\n[split]\nby = 'row'", "must be one of unit, time"},
    {"OptimizerUnknown", kEnd, "cap = 125\n[training]\noptimizer = 'adamw'",
     "must be one of sgd, adam; did you mean adam?"},
    {"RateZero", kEnd, "cap = 125\n[training]\nlearning_rate = 0",
     "[training] learning_rate = 0: must be above 0"},
    {"RateInfinite", kEnd, "cap = 125\n[training]\nlearning_rate = inf",
     "[training] learning_rate = inf: must be a finite number"},
    {"RateMisspelt", kEnd, "cap = 125\n[training]\nlerning_rate = 1",
     "line 13: [training] lerning_rate: unknown key; did you mean learning_rate?"},
    {"MomentumOfAdam", kEnd, "cap = 125\n[training]\nmomentum = 0.9",
     "[training] momentum = 0.9: only optimizer sgd uses it"},
    {"MomentumOne", kEnd, "cap = 125\n[training]\noptimizer = 'sgd'\nmomentum = 1",
     "[training] momentum = 1: must be at least 0 and below 1"},
    {"WeightDecayNegative", kEnd, "cap = 125\n[training]\nweight_decay = -1",
     "[training] weight_decay = -1: must be at least 0"},
    {"FinalShareWithoutCosine", kEnd, "cap = 125\n[training]\nfinal_share = 0.1",
     "[training] final_share = 0.1: only schedule cosine uses it"},
    {"FinalShareAboveOne", kEnd, "cap = 125\n[training]\nschedule = 'cosine'\nfinal_share = 1.5",
     "[training] final_share = 1.5: must be at least 0 and at most 1"},
    {"StepRoundsWithoutStep", kEnd, "cap = 125\n[training]\nstep_rounds = 3",
     "[training] step_rounds = 3: only schedule step uses it"},
    {"StepFactorWithoutStep", kEnd, "cap = 125\n[training]\nstep_factor = 0.3",
     "[training] step_factor = 0.3: only schedule step uses it"},
    {"StepRoundsZero", kEnd, "cap = 125\n[training]\nschedule = 'step'\nstep_rounds = 0",
     "[training] step_rounds = 0: must be from 1"},
    {"StepFactorZero", kEnd, "cap = 125\n[training]\nschedule = 'step'\nstep_factor = 0",
     "[training] step_factor = 0: must be above 0 and at most 1"},
    {"BatchZero", kEnd, "cap = 125\n[training]\nbatch_size = 0",
     "[training] batch_size = 0: must be from 1"},
    {"EpochsZero", kEnd, "cap = 125\n[training]\nepochs = 0",
     "[training] epochs = 0: must be from 1"},
    {"StepsNegative", kEnd, "cap = 125\n[training]\nmax_steps = -1",
     "[training] max_steps = -1: must be at least 0"},
    {"GradientClipNegative", kEnd, "cap = 125\n[training]\nclip_norm = -1",
     "[training] clip_norm = -1: must be at least 0"},
    {"ProximalNegative", kEnd, "cap = 125\n[training]\nproximal_mu = -1",
     "[training] proximal_mu = -1: must be at least 0"},
    {"PatienceNegative", kEnd, "cap = 125\n[training]\npatience = -1",
     "[training] patience = -1: must be at least 0"},
    {"PatienceWithoutValidation", kEnd,
     "cap = 125\n[split]\nvalidation = 0\n[training]\npatience = 2",
     "[training] patience = 2: needs a validation loss"},
};
INSTANTIATE_TEST_SUITE_P(Training, PlanRefusalTest, ::testing::ValuesIn(kTraining),
                         [](const auto& info) { return info.param.name; });

const RefusedPlan kServer[] = {
    {"OptimizerUnknown", kEnd, "cap = 125\n[server]\noptimizer = 'fedadm'",
     "must be one of fedavg, fedavgm, fedadagrad, fedadam, fedyogi; did you mean fedadam?"},
    {"RateNegative", kEnd, "cap = 125\n[server]\nlearning_rate = -1",
     "[server] learning_rate = -1: must be above 0"},
    {"Beta1OfFedAvg", kEnd, "cap = 125\n[server]\nbeta1 = 0.9",
     "[server] beta1 = 0.9: not used by optimizer fedavg"},
    {"Beta2OfFedAdagrad", kEnd, "cap = 125\n[server]\noptimizer = 'fedadagrad'\nbeta2 = 0.9",
     "[server] beta2 = 0.9: not used by optimizer fedadagrad"},
    {"TauOfFedAvgM", kEnd, "cap = 125\n[server]\noptimizer = 'fedavgm'\ntau = 0.1",
     "[server] tau = 0.1: not used by optimizer fedavgm"},
    {"Beta1One", kEnd, "cap = 125\n[server]\noptimizer = 'fedavgm'\nbeta1 = 1",
     "[server] beta1 = 1: must be at least 0 and below 1"},
    {"Beta2Negative", kEnd, "cap = 125\n[server]\noptimizer = 'fedadam'\nbeta2 = -0.5",
     "[server] beta2 = -0.5: must be at least 0 and below 1"},
    {"TauZero", kEnd, "cap = 125\n[server]\noptimizer = 'fedadam'\ntau = 0",
     "[server] tau = 0: must be at least 1e-18"},
    {"WeightsUnknown", kEnd, "cap = 125\n[update]\nweights = 'size'",
     "must be one of examples, equal"},
    {"MaxWeightZero", kEnd, "cap = 125\n[update]\nmax_weight = 0",
     "[update] max_weight = 0: must be from 1 to 4294967295"},
    {"MaxWeightTooLarge", kEnd, "cap = 125\n[update]\nmax_weight = 4294967296",
     "[update] max_weight = 4294967296: must be from 1 to 4294967295"},
    {"UpdateClipNegative", kEnd, "cap = 125\n[update]\nclip_norm = -1",
     "[update] clip_norm = -1: must be at least 0"},
};
INSTANTIATE_TEST_SUITE_P(Server, PlanRefusalTest, ::testing::ValuesIn(kServer),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace millrace
