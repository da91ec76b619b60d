// SPDX-License-Identifier: Apache-2.0
// Real recordings of bearings, judged offline as a training script judges them, and live: played by
// the replay source through queue and engine. The verdicts are the same, window for window.
//
// The recordings lie in $MILLRACE_DATA, or in shared/data beside the source tree; the tests are
// skipped where they are not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/data/load.h"
#include "client/inference/engine.h"
#include "client/inference/scoring.h"
#include "client/live/replay_source.h"
#include "client/live/sample_queue.h"
#include "models/torch/torch_predictor.h"
#include "models/torch/torch_trainer.h"
#include "scripts/train/train_alone.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

struct RecordedSet {
  std::string name;
  std::string folder;
  std::string label;  // column of the manifest
  int classes = 0;
  double rate_hz = 0;
  std::string site;  // its recordings train and are judged
};

std::string RecordingsFolder(const RecordedSet& set) {
  const char* const folder = std::getenv("MILLRACE_DATA");
  return absl::StrCat(folder != nullptr ? folder : MILLRACE_SOURCE_DIR "/../shared/data", "/",
                      set.folder);
}

std::string PlanOf(const RecordedSet& set) {
  return absl::StrCat(
      "secure_aggregation = \"off\"\n[run]\nname = \"bearings\"\nrounds = 1\n"
      "[model]\nkind = \"cnn1d\"\nfilters = [8, 16]\nkernel = 9\nstrides = [4, 2]\npool = 2\n"
      "[input]\nchannels = [\"vibration\"]\nwindow = 1024\nstride = 512\n"
      "normalization = \"window\"\n"
      "[label]\nkind = \"recording\"\ncolumn = \"",
      set.label, "\"\nclasses = ", set.classes,
      "\n[training]\nlearning_rate = 0.003\nbatch_size = 32\nepochs = 4\n");
}

using Verdicts = std::map<std::string, std::vector<ClassScore>>;  // by recording, in time

class RecordedBearingsTest : public ::testing::TestWithParam<RecordedSet> {
 protected:
  void SetUp() override {
    const std::string folder = RecordingsFolder(GetParam());
    if (!PosixFileSystem()->Exists(folder + "/manifest.csv")) {
      GTEST_SKIP() << "no recordings in " << folder << "; MILLRACE_DATA names the folder that has "
                   << GetParam().folder;
    }
    data_.kind = DataKind::kNpy;
    data_.path = folder;
    data_.where = {{"site", {GetParam().site}}};
  }

  /// Of the first 70 % of each recording.
  ModelPackage Trained() const {
    DataConfig first = data_;
    first.to_share = 0.7;
    const std::string text = PlanOf(GetParam());
    const Site site{"bench", LoadSeries(first, ParsePlan(text).value()).value(), std::nullopt, 1};
    return TrainAlone(text, site, trainers_, nullptr).value();
  }

  /// Of windows end to end, from the first sample on.
  Verdicts Offline(const ModelPackage& model) const {
    Plan plan = model.plan;
    plan.input.stride = plan.input.window;
    Verdicts verdicts;
    const auto trainer = trainers_(model.plan, model.architecture).value();
    std::vector<Series> all = LoadSeries(data_, plan).value();
    for (Series& series : all) {
      std::vector<ClassScore>& of_recording = verdicts[series.unit];
      const Dataset windows = AllWindows(plan, {series});
      const std::vector<float> outputs = trainer->Predict(model.parameters, windows).value();
      for (int64_t i = 0; i < windows.size(); ++i) {
        of_recording.push_back(
            Classify(std::span(outputs).subspan(i * plan.outputs(), plan.outputs())));
      }
    }
    return verdicts;
  }

  /// Each recording is a machine.
  Verdicts Live(ModelPackage model, const std::set<std::string>& recordings) const {
    MachineConfig machines;
    machines.model = "bearings";
    machines.rate_hz = GetParam().rate_hz;
    machines.names.assign(recordings.begin(), recordings.end());
    machines.channels.resize(1);
    machines.channels[0].name = "vibration";
    machines.channels[0].rate_hz = machines.rate_hz;

    Verdicts verdicts;
    ScoringEngine engine({machines}, SystemLiveClock(), [&](const MachineVerdict& verdict) {
      EXPECT_NE(verdict.judgement, Judgement::kNotEvaluated) << verdict.reason;
      verdicts[verdict.machine].push_back({verdict.predicted, verdict.score});
    });
    const auto installed = std::make_shared<InstalledModel>();
    installed->package = std::move(model);
    installed->predictors.push_back(NewTorchPredictor(installed->package).value());
    MR_EXPECT_OK(engine.Use(installed));
    const ChannelTable channels(ChannelNames({machines}));
    for (const std::string& recording : recordings) Play(recording, channels, engine);
    return verdicts;
  }

 private:
  void Play(const std::string& recording, const ChannelTable& channels,
            ScoringEngine& engine) const {
    SampleQueue queue(1 << 16);
    ReplayConfig config;
    config.path = absl::StrCat(data_.path, "/", recording);
    config.format.rows.machine = recording;
    config.format.channels = {"vibration"};
    config.format.rate_hz = GetParam().rate_hz;
    config.speed = 0;
    const testing::TemporaryFolder folder;
    ReplaySource source("replay", config, {},
                        {&channels, &queue, SystemLiveClock(), PosixFileSystem(), folder.path()});
    std::thread playing([&] { source.Run(); });
    EXPECT_TRUE(testing::Eventually([&] {
      const bool over = source.Status().state == SourceState::kDone;
      for (const SampleBatch& batch : queue.TakeAll(absl::ZeroDuration())) engine.Process(batch);
      return over && queue.waiting() == 0;
    }));
    engine.ScoreDue();
    source.Stop();
    playing.join();
  }

  const TrainerFactory trainers_ = [](const Plan& plan, const Architecture& architecture) {
    return NewTorchTrainer(plan, architecture, {.threads = 1, .allow_cuda = false});
  };
  DataConfig data_;
};

TEST_P(RecordedBearingsTest, LiveVerdictsAreThoseOfTheOfflineEvaluation) {
  const ModelPackage model = Trained();
  const Verdicts offline = Offline(model);
  std::set<std::string> recordings;
  for (const auto& [recording, verdicts] : offline) recordings.insert(recording);
  const Verdicts live = Live(model, recordings);
  ASSERT_EQ(live.size(), offline.size());
  std::set<int64_t> classes;
  for (const auto& [recording, expected] : offline) {
    const std::vector<ClassScore>& judged = live.at(recording);
    ASSERT_EQ(judged.size(), expected.size()) << recording;
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(judged[i].predicted, expected[i].predicted) << recording << ", window " << i;
      EXPECT_NEAR(judged[i].probability, expected[i].probability, 1e-4)
          << recording << ", window " << i;
      classes.insert(expected[i].predicted);
    }
  }
  EXPECT_GT(classes.size(), 3u);  // the model has learnt to tell
}

INSTANTIATE_TEST_SUITE_P(, RecordedBearingsTest,
                         ::testing::Values(RecordedSet{"Cwru", "cwru_de12k", "label10", 10, 12000,
                                                       "load0hp"},
                                           RecordedSet{"HitSm", "hitsm_bearing", "label7", 7, 51200,
                                                       "selfbuilt_900rpm"}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace millrace
