// SPDX-License-Identifier: Apache-2.0
// Real threads, a model without LibTorch.
#include "client/inference/scoring_workers.h"

#include <gmock/gmock.h>

#include <atomic>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/random.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/inference/engine_bench.h"

namespace millrace {
namespace {

using testing::Eventually;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::kSecond;
using testing::kStart;
using testing::PumpPlan;
using testing::Pumps;
using ::testing::SizeIs;

constexpr float kStandStill = 999;

/// Of several threads.
class WorkersClock : public LiveClock {
 public:
  int64_t UnixNs() override { return kStart + now_ns; }
  int64_t MonotonicNs() override { return now_ns; }
  std::atomic<int64_t> now_ns = kSecond;
};

/// Gives zeros, so that a window's score is the mean of its values' magnitudes. Stands still at a
/// window that has kStandStill in it.
class Magnitude : public Predictor {
 public:
  struct Gate {
    absl::Notification reached;
    absl::Notification opened;
  };
  Magnitude(int64_t width, Gate* gate) : width_(width), gate_(gate) {}
  absl::Status Predict(std::span<const float> inputs, std::span<float> outputs) override {
    std::ranges::fill(outputs, 0.F);
    if (gate_ == nullptr || std::ranges::find(inputs, kStandStill) == inputs.end()) {
      return absl::OkStatus();
    }
    if (!gate_->reached.HasBeenNotified()) gate_->reached.Notify();
    gate_->opened.WaitForNotification();
    return absl::OkStatus();
  }
  absl::StatusOr<Attribution> Attribute(std::span<const float>, std::span<const float>,
                                        int64_t) override {
    return absl::UnimplementedError("");
  }
  int64_t width() const override { return width_; }

 private:
  const int64_t width_;
  Gate* const gate_;
};

/// A site whose machines have three channels each, and all that is said of them.
class ScoringWorkersTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (!gate_.opened.HasBeenNotified()) gate_.opened.Notify();
  }

  void Begin(int64_t workers, const LearntOfMachines& learnt = {}) {
    workers_ = nullptr;  // ends those before
    {
      const absl::MutexLock lock(&mutex_);
      verdicts_.clear();
      count_ = 0;
    }
    ScoringSinks sinks;
    sinks.verdict = [this](const MachineVerdict& verdict) {
      const absl::MutexLock lock(&mutex_);
      verdicts_[verdict.machine].push_back(verdict);
      ++count_;
    };
    sinks.drift = [](const ChannelDrift&) {};
    sinks.row = [this](const MachineRow& row) {
      // The channel that no model uses tells whose row it is.
      if (row.values[0] != static_cast<float>(row.machine)) ++rows_of_others_;
    };
    sinks.pause = [this](std::span<const size_t> machines) {
      const absl::MutexLock lock(&mutex_);
      paused_.insert(machines.begin(), machines.end());
    };
    sinks.learnt = [this](LearntOfMachines learnt) {
      const absl::MutexLock lock(&mutex_);
      learnt.thresholds.merge(learnt_.thresholds);  // the latest counts
      learnt.drift.merge(learnt_.drift);
      learnt_ = std::move(learnt);
    };
    sinks.relearnt = [this](const RelearnOrder& order) {
      const absl::MutexLock lock(&mutex_);
      relearnt_[order.id] = learnt_.drift.contains(order.machine);
    };
    workers_ = std::make_unique<ScoringWorkers>(site_, ScoringWorkers::Options{workers, 1'000'000},
                                                std::move(sinks), &clock_);
    MR_ASSERT_OK(workers_->Use(NewModel(1)));
    workers_->Restore(learnt);
  }

  std::shared_ptr<InstalledModel> NewModel(int64_t version) { return NewModel(version, plan_); }
  std::shared_ptr<InstalledModel> NewModel(int64_t version, const Plan& plan) {
    const auto width = static_cast<int64_t>(plan.input.window * plan.input.channels.size());
    auto model = testing::ModelOf(plan, std::make_unique<Magnitude>(width, &gate_), version);
    model->package.manifest.set_parameters_sha256(absl::StrCat("version ", version));
    while (model->predictors.size() < workers_->PredictorsFor("pumps")) {
      model->predictors.push_back(std::make_unique<Magnitude>(width, &gate_));
    }
    return model;
  }

  /// A row of the machine with this number among all.
  static void AddRow(int64_t second, size_t machine, float value, SampleBatch& batch) {
    const auto first = static_cast<ChannelIndex>(3 * machine);
    const int64_t time_ns = kStart + second * kSecond;
    batch.samples.push_back({time_ns, first, static_cast<float>(machine)});
    batch.samples.push_back({time_ns, first + 1, value});
    batch.samples.push_back({time_ns, first + 2, value / 3});
  }
  void Row(int64_t second, size_t machine, float value) {
    SampleBatch batch{clock_.now_ns, {}};
    AddRow(second, machine, value, batch);
    workers_->sink()->Accept(std::move(batch));
  }
  /// A row a second of each machine, all of a second together; chance, the same each time.
  void Rows(int64_t from_s, int64_t to_s) {
    for (int64_t second = from_s; second < to_s; ++second) {
      Random random(static_cast<uint64_t>(second));
      SampleBatch batch{clock_.now_ns, {}};
      for (size_t machine = 0; machine < Machines(); ++machine) {
        AddRow(second, machine, static_cast<float>(3 * random.Uniform()), batch);
      }
      workers_->sink()->Accept(std::move(batch));
    }
  }
  /// With rows of their own, which stand before those without.
  size_t Machines() const {
    size_t machines = 0;
    for (const MachineConfig& kind : site_) {
      if (kind.channels_of.empty()) machines += kind.names.size();
    }
    return machines;
  }
  bool AwaitVerdicts(size_t count) {
    return Eventually([&] {
      const absl::MutexLock lock(&mutex_);
      return count_ >= count;
    });
  }
  /// By machine.
  std::map<std::string, std::vector<MachineVerdict>> Verdicts() {
    const absl::MutexLock lock(&mutex_);
    return verdicts_;
  }

  std::vector<MachineConfig> site_ = {Pumps({"a-1", "a-2", "a-3"}), Pumps({"b-1", "b-2"})};
  Plan plan_ = PumpPlan();
  WorkersClock clock_;
  Magnitude::Gate gate_;
  absl::Mutex mutex_;
  std::map<std::string, std::vector<MachineVerdict>> verdicts_ ABSL_GUARDED_BY(mutex_);
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<size_t> paused_ ABSL_GUARDED_BY(mutex_);
  LearntOfMachines learnt_ ABSL_GUARDED_BY(mutex_);
  // By the order's id: whether it was known by then what is learnt of its machine.
  std::map<std::string, bool> relearnt_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int64_t> rows_of_others_ = 0;
  std::unique_ptr<ScoringWorkers> workers_;  // ends before what it tells
};

TEST_F(ScoringWorkersTest, VerdictsOfManyAreThoseOfOneBitForBit) {
  constexpr int64_t kRows = 300;
  std::map<std::string, std::vector<std::pair<int64_t, double>>> of_one;
  for (const int64_t workers : {1, 2, 3, 5}) {
    Begin(workers);
    EXPECT_EQ(workers_->size(), static_cast<size_t>(workers));
    workers_->Start();
    Rows(0, kRows);
    ASSERT_TRUE(AwaitVerdicts(5 * (kRows - 2)));
    workers_->Stop();
    EXPECT_EQ(rows_of_others_, 0);
    EXPECT_EQ(workers_->dropped(), 0);
    std::map<std::string, std::vector<std::pair<int64_t, double>>> scores;
    int64_t alarms = 0;
    for (const auto& [machine, verdicts] : Verdicts()) {
      for (const MachineVerdict& verdict : verdicts) {
        scores[machine].emplace_back(verdict.time_ns, verdict.score);
        alarms += verdict.judgement == Judgement::kAlarm;
      }
    }
    EXPECT_GT(alarms, 0);
    if (workers == 1) of_one = scores;
    EXPECT_EQ(scores, of_one) << workers;
  }
}

TEST_F(ScoringWorkersTest, WhoIsJudgedByOthersRowsIsJudgedAlikeByAnyNumberOfThreads) {
  constexpr int64_t kRows = 300;
  MachineConfig second = Pumps({"a-3-second", "a-1-second"});
  second.channels_of = {"a-3", "a-1"};
  second.hop = 7;
  site_.push_back(second);
  std::map<std::string, std::vector<std::pair<int64_t, double>>> of_one;
  for (const int64_t workers : {1, 3, 5}) {
    Begin(workers);
    workers_->Start();
    Rows(0, kRows);
    ASSERT_TRUE(AwaitVerdicts(5 * (kRows - 2) + 2 * ((kRows - 3) / 7 + 1)));
    workers_->Stop();
    EXPECT_EQ(rows_of_others_, 0) << "rows are made by who has the channels";
    std::map<std::string, std::vector<std::pair<int64_t, double>>> scores;
    for (const auto& [machine, verdicts] : Verdicts()) {
      for (const MachineVerdict& verdict : verdicts) {
        scores[machine].emplace_back(verdict.time_ns, verdict.score);
      }
    }
    EXPECT_EQ(scores.size(), 7);
    EXPECT_EQ(scores["a-1-second"].size(), 43);
    if (workers == 1) of_one = scores;
    EXPECT_EQ(scores, of_one) << workers;
  }
}

TEST_F(ScoringWorkersTest, EachWorkerPausesBetweenRowsOfItsOwnMachines) {
  Begin(3);
  workers_->Start();
  EXPECT_TRUE(Eventually([&] {
    const absl::MutexLock lock(&mutex_);
    return paused_.size() == Machines();
  }));
}

TEST_F(ScoringWorkersTest, NewModelIsTakenUpByAllAndNoWindowIsLost) {
  Begin(3);
  workers_->Start();
  Rows(0, 100);
  MR_ASSERT_OK(workers_->Use(NewModel(2)));
  Rows(100, 200);
  ASSERT_TRUE(AwaitVerdicts(5 * 198));
  for (const auto& [machine, verdicts] : Verdicts()) {
    ASSERT_THAT(verdicts, SizeIs(198)) << machine;
    for (size_t i = 0; i < verdicts.size(); ++i) {
      EXPECT_EQ(verdicts[i].time_ns, kStart + static_cast<int64_t>(i + 2) * kSecond);
      EXPECT_GE(verdicts[i].version, i < 98 ? 1 : 2) << i;
      EXPECT_LE(verdicts[i].version, verdicts.back().version) << i;
    }
  }
}

TEST_F(ScoringWorkersTest, ModelThatOneWorkerCannotUseIsUsedByNone) {
  site_[1].channels[2].name = "other";
  plan_.input.channels = {"current"};
  Begin(2);
  EXPECT_THAT(workers_->Use(NewModel(2, PumpPlan())),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("'speed'")));
  Plan unknown = plan_;
  unknown.run.name = "fans";
  EXPECT_THAT(workers_->Use(NewModel(3, unknown)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("model = \"fans\"")));
  EXPECT_EQ(workers_->PredictorsFor("fans"), 0);
  workers_->Start();
  Rows(0, 3);
  ASSERT_TRUE(AwaitVerdicts(5));
  for (const auto& [machine, verdicts] : Verdicts()) EXPECT_EQ(verdicts[0].version, 1) << machine;
}

TEST_F(ScoringWorkersTest, OrderToLearnAnewIsFollowedByTheThreadOfItsMachine) {
  for (MachineConfig& kind : site_) kind.drift.emplace();
  Begin(3);
  workers_->Start();
  for (const char* machine : {"a-1", "b-2"}) {
    RelearnOrder order;
    order.id = order.machine = machine;
    MR_ASSERT_OK(workers_->Relearn(order));
  }
  ASSERT_TRUE(Eventually([&] {
    clock_.now_ns += kSecond;
    const absl::MutexLock lock(&mutex_);
    return relearnt_.size() == 2;
  }));
  const absl::MutexLock lock(&mutex_);
  for (const auto& [id, known] : relearnt_) EXPECT_TRUE(known) << id;
  RelearnOrder order;
  order.machine = "c-1";
  EXPECT_THAT(workers_->Relearn(order),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("machine 'c-1'")));
}

TEST_F(ScoringWorkersTest, HeartStandsStillWhileOneWorkerDoes) {
  site_ = {Pumps({"a", "b"})};
  Begin(2);
  workers_->Start();
  EXPECT_TRUE(Eventually([&] { return workers_->heart()->beats() > 3; }));
  for (int64_t second = 0; second < 3; ++second) Row(second, 0, kStandStill);
  gate_.reached.WaitForNotification();
  // It may have beaten already for the beat that was to come next.
  const uint64_t last = workers_->heart()->beats() + 1;
  for (int64_t second = 0; second < 20; ++second) {
    Row(second, 1, 1);
    if (second < 2) continue;
    ASSERT_TRUE(AwaitVerdicts(static_cast<size_t>(second - 1))) << "the other one goes on";
    EXPECT_LE(workers_->heart()->beats(), last);
  }
  gate_.opened.Notify();
  EXPECT_TRUE(Eventually([&] { return workers_->heart()->beats() > last; }));
}

TEST_F(ScoringWorkersTest, ThresholdsOutlastARestartWithAnotherNumberOfWorkers) {
  for (MachineConfig& kind : site_) {
    kind.threshold = 0;
    kind.learning = {.rate = 0.05, .learn_windows = 200};
  }
  Begin(2);
  workers_->Start();
  Rows(0, 202);
  ASSERT_TRUE(AwaitVerdicts(5 * 200));
  int64_t second = 202;
  ASSERT_TRUE(Eventually([&] {
    clock_.now_ns += kSecond;
    Rows(second, second + 1);
    ++second;
    size_t learnt = 0;
    for (const auto& [machine, verdicts] : Verdicts()) {
      learnt += verdicts.back().threshold.has_value();
    }
    return learnt == Machines();
  }));
  workers_->Stop();
  LearntOfMachines learnt;
  {
    const absl::MutexLock lock(&mutex_);
    learnt = learnt_;
  }
  ASSERT_THAT(learnt.thresholds, SizeIs(5));

  std::map<std::string, double> of_one;
  for (const int64_t workers : {1, 3, 5}) {
    Begin(workers, learnt);
    Rows(0, 3);
    workers_->Start();
    ASSERT_TRUE(AwaitVerdicts(5));
    workers_->Stop();
    std::map<std::string, double> thresholds;
    for (const auto& [machine, verdicts] : Verdicts()) {
      ASSERT_TRUE(verdicts[0].threshold.has_value()) << machine << " learns anew";
      thresholds[machine] = *verdicts[0].threshold;
    }
    if (workers == 1) of_one = thresholds;
    EXPECT_EQ(thresholds, of_one) << workers;
  }
}

TEST_F(ScoringWorkersTest, WhatIsLearntForAModelIsToldOnceAllHaveTakenItUp) {
  for (MachineConfig& kind : site_) kind.drift.emplace();
  Begin(2);
  workers_->Start();
  EXPECT_TRUE(Eventually([&] {
    if (clock_.now_ns < 100 * kSecond) clock_.now_ns += kSecond;  // ten minutes are not over
    const absl::MutexLock lock(&mutex_);
    return learnt_.drift.size() == 5;
  }));
}

TEST_F(ScoringWorkersTest, RoomIsSharedAndWhatWaitsOrIsDroppedAddsUp) {
  ScoringSinks sinks;
  sinks.verdict = [](const MachineVerdict&) {};
  sinks.drift = [](const ChannelDrift&) {};
  site_ = {Pumps({"a", "b"})};
  constexpr int64_t kShare = 69'999;  // rows have three samples
  ScoringWorkers two(site_, {2, 2 * kShare}, sinks, &clock_);
  ScoringWorkers least(site_, {2, 1000}, sinks, &clock_);
  for (int64_t second = 0; second < 24'400; ++second) {
    SampleBatch batch;
    AddRow(second, second < 24'000 ? 0 : 1, 1, batch);
    if (second < 20'000) least.sink()->Accept(batch);
    two.sink()->Accept(std::move(batch));
  }
  EXPECT_EQ(two.waiting(), kShare + 1200);
  EXPECT_EQ(two.dropped(), 72'000 - kShare);
  EXPECT_EQ(least.dropped(), 0) << "the largest batch has to fit";
}

TEST_F(ScoringWorkersTest, OneWorkersSourcesFillItsQueueThemselves) {
  Begin(1);
  EXPECT_NE(dynamic_cast<SampleQueue*>(workers_->sink()), nullptr);
  Begin(2);
  EXPECT_EQ(dynamic_cast<SampleQueue*>(workers_->sink()), nullptr);
}

TEST_F(ScoringWorkersTest, WorkersThatNeverStartedCanBeStopped) {
  Begin(4);
  workers_->Stop();
  workers_->Stop();
}

TEST(ScoringEngineTest, WhatIsLearntOfAMachineDoesNotDependOnTheOthers) {
  const auto threshold = [](std::vector<std::string> names, int machine) {
    MachineConfig config = Pumps(std::move(names));
    config.threshold = 0;
    config.learning = {.rate = 0.05, .learn_windows = 100};
    testing::EngineBench bench(config);
    EXPECT_TRUE(
        bench.engine.Use(testing::ModelOf(PumpPlan(), std::make_unique<Magnitude>(6, nullptr)))
            .ok());
    Random random(1);
    // More scores than are kept, of which chance leaves some out.
    for (int second = 0; second < 25'000; ++second) {
      bench.Row(second, static_cast<float>(random.Uniform()), 0.5F, machine);
      if (second % 5000 == 200) bench.engine.Maintain();
    }
    bench.engine.Maintain();
    return *bench.engine.LearntThresholds().at("b").bytes;
  };
  EXPECT_EQ(threshold({"a", "b"}, 1), threshold({"b"}, 0));
}

}  // namespace
}  // namespace millrace
