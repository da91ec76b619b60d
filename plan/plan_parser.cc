// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "plan/plan.h"
#include "plan/plan_input.h"
#include "plan/plan_names.h"
#include "plan/toml_reader.h"

namespace millrace {
namespace {

constexpr int64_t kMaxLayers = 64;                      // entries of hidden, filters, strides
constexpr int64_t kMaxWidth = 65536;                    // units of a layer, channels of a block
constexpr int64_t kMaxWeight = (int64_t{1} << 32) - 1;  // two 16-bit limbs carry it
constexpr size_t kMaxRunName = 56;  // a run is called <name>-<number>, a name of at most 64
constexpr int64_t kSecondsPerYear = 365 * 86400;
constexpr int64_t kLeastSeenWithin = 60;  // seconds; twice what sites need to come back
constexpr double kMaxBound = 0x1p30;      // no update in the clear goes beyond

constexpr DoubleRange kShare{.min = 0, .max = 1, .below_max = true};
constexpr DoubleRange kNotNegative{.min = 0, .max = 1e9};
constexpr DoubleRange kPositive{.min = 0, .max = 1e9, .above_min = true};

void ReadRun(TomlTable table, RunPlan& run) {
  table.Require("name", "it names the run on disk and in every message");
  const bool named = table.NonEmptyString("name", &run.name);
  if (named && (run.name.size() > kMaxRunName || !CheckName("run", run.name).ok())) {
    table.Refuse("name",
                 absl::StrCat("must be 1 to ", kMaxRunName,
                              " letters, digits, '-', '_' or '.', and not \".\" or \"..\""));
  }
  table.Int("rounds", {1, 100'000}, &run.rounds);
  int64_t seed = static_cast<int64_t>(run.seed);
  table.Int("seed", {.min = 0}, &seed);
  run.seed = static_cast<uint64_t>(seed);
}

void ReadCohort(TomlTable table, CohortPlan& cohort) {
  table.Int("target", {1, kMaxCohort}, &cohort.target);
  if (table.Int("minimum", {.min = 1}, &cohort.minimum) && cohort.minimum > cohort.target) {
    table.Refuse("minimum", absl::StrCat("must be at most target (", cohort.target, ")"));
  }
  table.Double("over_selection", {.min = 0, .max = 10}, &cohort.over_selection);
  table.Int("wait_s", {0, kSecondsPerYear}, &cohort.wait_s);
  table.Int("deadline_s", {1, kSecondsPerYear}, &cohort.deadline_s);
  table.Int("attempts", {1, 1000}, &cohort.attempts);
  table.Int("backoff_s", {1, 86400}, &cohort.backoff_s);
}

// A convolution's hyperparameters: of cnn1d and of the convolutional autoencoder.
void ReadFilters(TomlTable table, ModelPlan& model) {
  table.Require("filters", "output channels of each block");
  if (table.Ints("filters", {1, kMaxWidth}, &model.filters) &&
      (model.filters.empty() || model.filters.size() > kMaxLayers)) {
    table.Refuse("filters", absl::StrCat("must have 1 to ", kMaxLayers, " entries"));
  }
  table.Int("kernel", {1, 4095}, &model.kernel);
  if (!table.Ints("strides", {1, 4096}, &model.strides)) {
    model.strides.assign(model.filters.size(), 1);
  } else if (model.strides.size() != model.filters.size()) {
    table.Refuse("strides", absl::StrCat("must have one entry per entry of filters (",
                                         model.filters.size(), ")"));
  }
}

void ReadHidden(TomlTable table, ModelPlan& model) {
  const bool recurrent = model.kind == ModelKind::kGru || model.kind == ModelKind::kLstm;
  table.Require("hidden",
                recurrent ? "one entry, the units of every layer" : "units of each layer");
  if (!table.Ints("hidden", {1, kMaxWidth}, &model.hidden)) return;
  if (recurrent && model.hidden.size() != 1) {
    table.Refuse("hidden", absl::StrCat("kind ", Name(model.kind),
                                        " takes exactly one entry; layers says how many layers"));
  }
  if (!recurrent && model.hidden.empty()) table.Refuse("hidden", "must have at least one layer");
  if (model.hidden.size() > kMaxLayers) {
    table.Refuse("hidden", absl::StrCat("must have at most ", kMaxLayers, " entries"));
  }
}

void ReadModel(TomlTable table, ModelPlan& model) {
  table.Require("kind", "one of mlp, cnn1d, gru, lstm, autoencoder");
  if (!table.Enum("kind", kModelKinds, &model.kind)) {
    // Without a kind no other key can be judged; they are known all the same.
    for (const char* key :
         {"hidden", "layers", "filters", "kernel", "strides", "pool", "convolutional", "dropout"}) {
      table.Forbid(key, "needs a valid kind");
    }
    return;
  }
  std::string user = absl::StrCat("kind ", Name(model.kind));
  if (model.kind == ModelKind::kAutoencoder) {
    table.Bool("convolutional", &model.convolutional);
    absl::StrAppend(&user, model.convolutional ? " with" : " without", " convolutional");
  }
  const auto not_used = [&](absl::string_view key) {
    table.Forbid(key, absl::StrCat("not used by ", user, "; remove it"));
  };
  const bool cnn = model.kind == ModelKind::kCnn1d;
  const bool recurrent = model.kind == ModelKind::kGru || model.kind == ModelKind::kLstm;
  if (model.kind != ModelKind::kAutoencoder) not_used("convolutional");

  if (cnn || model.convolutional) {
    ReadFilters(table, model);
    not_used("hidden");
  } else {
    ReadHidden(table, model);
    not_used("filters");
    not_used("kernel");
    not_used("strides");
  }
  if (cnn) {
    table.Int("pool", {1, 4096}, &model.pool);
  } else {
    not_used("pool");
  }
  if (recurrent) {
    table.Int("layers", {1, kMaxLayers}, &model.layers);
  } else {
    not_used("layers");
  }
  table.Double("dropout", kShare, &model.dropout);
}

void ReadLabel(TomlTable table, LabelPlan& label) {
  if (!table.Enum("kind", kLabelKinds, &label.kind) && table.Has("kind")) {
    for (const char* key : {"column", "classes", "cap"}) table.Forbid(key, "needs a valid kind");
    return;
  }
  const auto not_used = [&](absl::string_view key, absl::string_view kind) {
    table.Forbid(key, absl::StrCat("not used with label kind ", kind, "; remove it"));
  };
  const auto read_classes = [&] {
    if (table.Int("classes", {0, kMaxWidth}, &label.classes) && label.classes == 1) {
      table.Refuse("classes", "one class leaves nothing to tell apart; 0 is regression");
    }
  };
  switch (label.kind) {
    case LabelKind::kNone:
      for (const char* key : {"column", "classes", "cap"}) not_used(key, "none");
      break;
    case LabelKind::kColumn:
      table.Require("column", "the column that holds the label");
      table.NonEmptyString("column", &label.column);
      read_classes();
      not_used("cap", "column");
      break;
    case LabelKind::kRecording:
      table.NonEmptyString("column", &label.column);
      read_classes();
      if (label.column.empty() && label.classes == 0) {
        table.Refuse("kind",
                     "recording labels need classes (their number) or column (a value of "
                     "the manifest)");
      }
      not_used("cap", "recording");
      break;
    case LabelKind::kRunToFailure:
      table.Require("cap", "the largest label, in steps");
      table.Double("cap", kPositive, &label.cap);
      for (const char* key : {"column", "classes"}) not_used(key, "run_to_failure");
      break;
  }
}

void ReadSplit(TomlTable table, SplitPlan& split) {
  table.Enum("by", kSplits, &split.by);
  table.Double("validation", {.min = 0, .max = 0.9}, &split.validation);
}

void ReadTraining(TomlTable table, TrainingPlan& training) {
  table.Enum("optimizer", kClientOptimizers, &training.optimizer);
  table.Double("learning_rate", {.min = 0, .max = 1000, .above_min = true},
               &training.learning_rate);
  if (training.optimizer == ClientOptimizer::kSgd) {
    table.Double("momentum", kShare, &training.momentum);
  } else {
    table.Forbid("momentum", "only optimizer sgd uses it; remove it");
  }
  table.Double("weight_decay", {.min = 0, .max = 1}, &training.weight_decay);
  table.Enum("schedule", kSchedules, &training.schedule);
  if (training.schedule == Schedule::kCosine) {
    table.Double("final_share", {.min = 0, .max = 1}, &training.final_share);
  } else {
    table.Forbid("final_share", "only schedule cosine uses it; remove it");
  }
  if (training.schedule == Schedule::kStep) {
    table.Int("step_rounds", {1, 100'000}, &training.step_rounds);
    table.Double("step_factor", {.min = 0, .max = 1, .above_min = true}, &training.step_factor);
  } else {
    table.Forbid("step_rounds", "only schedule step uses it; remove it");
    table.Forbid("step_factor", "only schedule step uses it; remove it");
  }
  table.Int("batch_size", {1, int64_t{1} << 20}, &training.batch_size);
  table.Int("epochs", {1, 100'000}, &training.epochs);
  table.Int("max_steps", {.min = 0}, &training.max_steps);
  table.Double("clip_norm", kNotNegative, &training.clip_norm);
  table.Double("proximal_mu", kNotNegative, &training.proximal_mu);
  table.Int("patience", {.min = 0}, &training.patience);
}

void ReadServer(TomlTable table, ServerPlan& server) {
  table.Enum("optimizer", kServerOptimizers, &server.optimizer);
  table.Double("learning_rate", {.min = 0, .max = 1000, .above_min = true}, &server.learning_rate);
  const ServerOptimizer optimizer = server.optimizer;
  const auto read_or_forbid = [&](absl::string_view key, bool used, DoubleRange range,
                                  double* out) {
    if (used) {
      table.Double(key, range, out);
    } else {
      table.Forbid(key, absl::StrCat("not used by optimizer ", Name(optimizer), "; remove it"));
    }
  };
  const bool adaptive =
      optimizer != ServerOptimizer::kFedAvg && optimizer != ServerOptimizer::kFedAvgM;
  read_or_forbid("beta1", optimizer != ServerOptimizer::kFedAvg, kShare, &server.beta1);
  read_or_forbid("beta2", adaptive && optimizer != ServerOptimizer::kFedAdagrad, kShare,
                 &server.beta2);
  // Below 1e-18 tau^2 would leave float32's normal range, in which the second moment is kept.
  read_or_forbid("tau", adaptive, {.min = 1e-18, .max = 1e6}, &server.tau);
}

void ReadUpdate(TomlTable table, UpdatePlan& update) {
  table.Enum("weights", kWeights, &update.weights);
  table.Int("max_weight", {1, kMaxWeight}, &update.max_weight);
  table.Double("clip_norm", kNotNegative, &update.clip_norm);
}

void ReadSecure(TomlTable root, SecurePlan& secure) {
  root.Enum("secure_aggregation", kSecureModes, &secure.mode);
  TomlTable table = root.Table("secure");
  table.Enum("graph", kMaskGraphs, &secure.graph);
  if (table.Int("bits", {16, 32}, &secure.bits) && secure.bits % 8 != 0) {
    table.Refuse("bits", "must be 16, 24 or 32");
  }
  table.Double("bound", {.min = 0, .max = kMaxBound, .above_min = true}, &secure.bound);
  table.Double("corrupt_share", {.min = 0, .max = 0.3}, &secure.corrupt_share);
  table.Int("phase_s", {1, 3600}, &secure.phase_s);
  if (secure.graph == MaskGraph::kRegular) {
    table.Double("dropout_share", {.min = 0, .max = 0.3}, &secure.dropout_share);
    table.Int("security_bits", {20, 128}, &secure.security_bits);
    table.Int("correctness_bits", {10, 128}, &secure.correctness_bits);
  } else {
    for (const char* key : {"dropout_share", "security_bits", "correctness_bits"}) {
      table.Forbid(key, "only graph regular uses it; remove it");
    }
  }
  if (secure.mode == SecureMode::kMalicious && secure.graph == MaskGraph::kRegular) {
    table.Refuse("graph", "regular trusts the coordinator to draw it; malicious needs complete");
  }
}

void ReadStart(TomlTable root, StartPlan& start) {
  TomlTable table = root.Table("start");
  if (!root.Has("start")) return;
  table.Require("on_drift_share", "of the sites; without [start] a run begins at once");
  table.Double("on_drift_share", {.min = 0, .max = 1, .above_min = true}, &start.on_drift_share);
  table.Int("at_least_sites", {1, kMaxCohort}, &start.at_least_sites);
  table.Int("seen_within_s", {kLeastSeenWithin, kSecondsPerYear}, &start.seen_within_s);
}

/// A round of few sites hides little: the smallest sum that a site helps to unmask.
void CheckSecureCohort(TomlTable root, Plan& plan) {
  if (!plan.secure.on()) return;
  constexpr absl::string_view kWayOut =
      " (three beyond those assumed corrupt, and more than half of those invited); with fewer "
      "sites invite fewer ([cohort] over_selection) or set secure_aggregation = \"off\"";
  TomlTable table = root.Table("cohort");
  CohortPlan& cohort = plan.cohort;
  const int64_t largest = ((int64_t{1} << (plan.secure.bits - 1)) - 1) / 2;
  if (plan.cohort_size() > largest) {
    table.Refuse("target", absl::StrCat("[secure] bits = ", plan.secure.bits,
                                        " carries the sum of at most ", largest, " sites"));
  }
  const bool all_with_all =
      plan.secure.graph == MaskGraph::kComplete && plan.cohort_size() <= kLargestCompleteCohort;
  const int64_t fewest =
      std::max(plan.secure.Fewest(cohort.target),
               all_with_all ? plan.secure.Threshold(plan.cohort_size()) : int64_t{0});
  if (cohort.target < fewest) {
    table.Refuse("target", absl::StrCat("secure aggregation needs at least ", fewest, kWayOut));
  }
  if (!table.Has("minimum")) {
    cohort.minimum = fewest;
  } else if (cohort.minimum < fewest) {
    table.Refuse("minimum", absl::StrCat("secure aggregation of ", cohort.target,
                                         " updates needs at least ", fewest, kWayOut));
  }
}

// Pairs of keys from different tables.
void CheckAcrossTables(TomlTable root, const Plan& plan) {
  TomlTable label = root.Table("label");
  TomlTable model = root.Table("model");
  const bool autoencoder = plan.model.kind == ModelKind::kAutoencoder;
  if (autoencoder && plan.label.kind != LabelKind::kNone) {
    label.Refuse("kind", "an autoencoder reconstructs its input and has no label; remove [label]");
  }
  if (!autoencoder && plan.label.kind == LabelKind::kNone) {
    label.Refuse("kind",
                 absl::StrCat("none is for [model] kind autoencoder only; kind ",
                              Name(plan.model.kind), " needs column, recording or run_to_failure"));
  }
  const auto& channels = plan.input.channels;
  if (plan.label.kind == LabelKind::kColumn &&
      std::find(channels.begin(), channels.end(), plan.label.column) != channels.end()) {
    label.Refuse("column", "is also one of [input] channels: the model would be shown its label");
  }
  for (const ModeColumn& mode : plan.input.modes) {
    if (plan.label.kind == LabelKind::kColumn && mode.column == plan.label.column) {
      label.Refuse("column", "is also the column of an [[input.mode]]: the scaling would know it");
    }
  }
  if (plan.cohort_size() > kMaxCohort) {
    root.Table("cohort").Refuse(
        "over_selection",
        absl::StrCat("invites ", plan.cohort_size(), " sites; a round has at most ", kMaxCohort));
  }
  if (plan.training.patience > 0 && plan.split.validation == 0) {
    root.Table("training")
        .Refuse("patience", "needs a validation loss; set [split] validation above 0");
  }
}

}  // namespace

absl::StatusOr<Plan> ParsePlan(absl::string_view toml) {
  MR_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(toml));
  Plan plan;
  ReadRun(root.Table("run"), plan.run);
  ReadCohort(root.Table("cohort"), plan.cohort);
  ReadModel(root.Table("model"), plan.model);
  ReadInput(root.Table("input"), plan.input);
  ReadLabel(root.Table("label"), plan.label);
  ReadSplit(root.Table("split"), plan.split);
  ReadTraining(root.Table("training"), plan.training);
  ReadServer(root.Table("server"), plan.server);
  ReadUpdate(root.Table("update"), plan.update);
  ReadSecure(root, plan.secure);
  ReadStart(root, plan.start);
  CheckSecureCohort(root, plan);
  CheckAcrossTables(root, plan);
  MR_RETURN_IF_ERROR(root.Finish());
  return plan;
}

}  // namespace millrace
