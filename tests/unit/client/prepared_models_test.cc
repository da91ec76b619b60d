// SPDX-License-Identifier: Apache-2.0
// A new model at a machine that is judged already: what its threshold knows at the first window.
#include "client/prepared_models.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "tests/unit/client/prepared_models_fixture.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(PreparedModelsTest, NewModelsFirstWindowIsJudgedByWhatTheSiteHasRecorded) {
  Record("pump-1", 0, 600);
  Record("pump-1", 600, 800, /*alarm=*/true);
  Record("pump-1", 800, 1000);
  Begin();
  models_->Begin();
  Install(0, "a model");
  EXPECT_EQ(Judged(10.5F).judgement, Judgement::kNormal);
  EXPECT_EQ(Judged(12).judgement, Judgement::kAlarm) << "what was an alarm is not learnt";
  EXPECT_NEAR(*verdicts_.back().threshold, 10.9, 0.15);

  Install(10, "another");
  EXPECT_EQ(Judged(10.5F).judgement, Judgement::kNormal);
  EXPECT_NEAR(*verdicts_.back().threshold, 0.9, 0.15) << "by its own scores";
  EXPECT_EQ(Judged(12).judgement, Judgement::kAlarm);
  EXPECT_THAT(noted_, SizeIs(1));
}

TEST_F(PreparedModelsTest, WhatIsPreparedIsKnownAfterARestartToo) {
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  Install(0, "a model");
  Begin();
  models_->Remember({noted_, {}});
  Install(0, "a model");
  engine_->RestoreThresholds(noted_);
  EXPECT_EQ(Judged(12).judgement, Judgement::kAlarm);
}

TEST_F(PreparedModelsTest, MachineOfWhichLittleIsRecordedGoesOnFromThat) {
  Record("pump-1", 0, 600);
  Record("pump-2", 0, 50);
  Record("pump-2", 60, 91);
  Begin();
  models_->Begin();
  Install(0, "a model");
  EXPECT_EQ(Judged(10.5F).judgement, Judgement::kNormal);
  EXPECT_EQ(Judged(10.5F, 1).reason, "threshold: 41 of 200 windows seen")
      << "40 of recordings, none over the gap";
}

TEST_F(PreparedModelsTest, RowsOfAnotherRateOrWithFlagsTeachNothing) {
  StoredRows rows{"pump-1", {"current"}, kFirstPreparedRow, kNsPerS / 2, {}, {}, {}};
  rows.values.assign(1000, 10);
  rows.flags.assign(1000, Flag::kNotEvaluated);
  MR_ASSERT_OK(writer_->Add(rows));
  rows.first_ns += 10'000 * kNsPerS;
  rows.period_ns = kNsPerS;
  rows.flags.assign(1000, Flag::kSuspect);
  MR_ASSERT_OK(writer_->Add(rows));
  MR_ASSERT_OK(writer_->Flush());
  Begin();
  models_->Begin();
  Install(0, "a model");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("threshold: 1 of 200"));
}

TEST_F(PreparedModelsTest, ModelOfAStartThatNothingIsRememberedOfIsPreparedToo) {
  Record("pump-1", 0, 600);
  Begin();
  models_->Remember({{{"pump-1", {"another", nullptr}}}, {}});
  Install(0, "a model");
  EXPECT_EQ(Judged(12).judgement, Judgement::kAlarm);
}

TEST_F(PreparedModelsTest, StartIsHeldUpNoLongerThanAnInstallation) {
  Record("pump-1", 0, 600);
  Begin();
  clock_.now_ns += kNsPerS;
  models_->Remember({});
  clock_.now_ns += 31 * kNsPerS;
  Install(0, "a model");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("threshold: 1 of 200"));
  models_->Begin();
  Install(0, "another");
  EXPECT_EQ(Judged(12).judgement, Judgement::kAlarm);
}

TEST_F(PreparedModelsTest, NothingIsPreparedThatIsRememberedNorOnceItIsHalted) {
  Record("pump-1", 0, 600);
  Begin();
  models_->Remember({{{"pump-1", {"a model", nullptr}}}, {}});
  Install(0, "a model");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("threshold: 1 of 200")) << "until it is restored";
  models_->Begin();
  models_->Halt();
  Install(0, "another");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("threshold: 1 of 200"));
  EXPECT_THAT(noted_, IsEmpty());
}

TEST_F(PreparedModelsTest, ModelThatFailsOnRecordingsOrADiskThatDoesServesAllTheSame) {
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  Install(std::numeric_limits<float>::quiet_NaN(), "a model");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("no memory"));
  disk_.FailAnyCall(0, testing::DiskFault::kIoError);
  Install(0, "another");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("threshold: 1 of 200"));
  Begin("nowhere");
  models_->Begin();
  Install(0, "a third");
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr("threshold: 1 of 200"));
}

TEST_F(PreparedModelsTest, FixedThresholdIsLeftAlone) {
  config_.threshold = 20;
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  Install(0, "a model");
  EXPECT_EQ(Judged(12).judgement, Judgement::kNormal);
  EXPECT_THAT(noted_, IsEmpty());
}

TEST_F(PreparedModelsTest, ReleaseAtASiteThatRecordsNothingLeavesNoWindowUnjudged) {
  Begin("");
  models_->Begin();
  Install(0, "a model");
  Windows(250);
  ASSERT_EQ(Judged(10.5F).judgement, Judgement::kNormal);
  verdicts_.clear();
  const std::shared_ptr<InstalledModel> another = ModelAt(10, "another");
  MR_ASSERT_OK(models_->MakeReady(*another, /*may_wait=*/true));
  MR_ASSERT_OK(models_->Use(another));
  EXPECT_EQ(Judged(10.5F).judgement, Judgement::kNormal);
  EXPECT_NEAR(*verdicts_.back().threshold, 0.9, 0.15) << "by its own scores";
  EXPECT_EQ(Judged(12).judgement, Judgement::kAlarm);
  Windows(300);
  EXPECT_EQ(NotEvaluated(), 0);
}

TEST_F(PreparedModelsTest, RowsOfAnAlarmAreNotLearntFromMemory) {
  Begin("");
  models_->Begin();
  Install(0, "a model");
  Windows(230);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Judged(1000).judgement, Judgement::kAlarm);
  Install(10, "another");
  EXPECT_EQ(Judged(10.5F).judgement, Judgement::kNormal);
  EXPECT_NEAR(*verdicts_.back().threshold, 0.9, 0.15);
}

TEST_F(PreparedModelsTest, ModelBeforeJudgesOnUntilTheNewOneCan) {
  RestartWithoutRows();
  const std::shared_ptr<InstalledModel> another = ModelAt(10, "another");
  for (const int windows : {0, 100, 80}) {
    Windows(windows);
    const absl::Status waits = models_->MakeReady(*another, /*may_wait=*/true);
    ASSERT_EQ(waits.code(), absl::StatusCode::kUnavailable) << windows;
    EXPECT_THAT(waits.message(), HasSubstr("1 machines are being learnt, of pump-1: "));
    EXPECT_THAT(waits.message(), HasSubstr(" of 200 windows seen"));
  }
  Windows(30);
  MR_ASSERT_OK(models_->MakeReady(*another, /*may_wait=*/true));
  MR_ASSERT_OK(models_->Use(another));
  Windows(10);
  EXPECT_EQ(NotEvaluated(), 0);
  EXPECT_NEAR(*verdicts_.back().threshold, 0.9, 0.15);
}

TEST_F(PreparedModelsTest, WhatDoesNotFitIntoMemoryIsLearntAsItComes) {
  most_bytes_ = 2 * 5 * 200;  // of two machines, rows of five bytes; a hundred windows
  RestartWithoutRows();
  const std::shared_ptr<InstalledModel> another = ModelAt(10, "another");
  Windows(120);
  int tries = 1;
  while (!models_->MakeReady(*another, /*may_wait=*/true).ok() && tries < 10) {
    Windows(50);
    ++tries;
  }
  EXPECT_GT(tries, 2);
  EXPECT_LE(tries, 6);
  MR_ASSERT_OK(models_->Use(another));
  Windows(10);
  EXPECT_EQ(NotEvaluated(), 0);
}

TEST_F(PreparedModelsTest, NoModelWaitsForLongerThanTwiceTheTimeOfItsWindows) {
  RestartWithoutRows();
  const std::shared_ptr<InstalledModel> another = ModelAt(10, "another");
  EXPECT_FALSE(models_->MakeReady(*another, /*may_wait=*/true).ok());
  another->waited_ns = 799 * kNsPerS;
  EXPECT_FALSE(models_->MakeReady(*another, /*may_wait=*/true).ok());
  another->waited_ns = 800 * kNsPerS;  // 200 windows of two seconds
  MR_ASSERT_OK(models_->MakeReady(*another, /*may_wait=*/true));
  MR_ASSERT_OK(models_->Use(another));
  EXPECT_THAT(Judged(10.5F).reason, HasSubstr(" of 200 windows seen")) << "it learns on";
}

TEST_F(PreparedModelsTest, NoModelWaitsForAMachineThatIsNotJudged) {
  RestartWithoutRows();
  clock_.now_ns += 601 * kNsPerS;
  MR_EXPECT_OK(models_->MakeReady(*ModelAt(10, "another"), /*may_wait=*/true));
}

TEST_F(PreparedModelsTest, NoModelWaitsWhereTheOneBeforeCannotGoOn) {
  RestartWithoutRows();
  MR_EXPECT_OK(models_->MakeReady(*ModelAt(10, "another"), /*may_wait=*/false));
}

TEST_F(PreparedModelsTest, NoneServesAnewWhileTheDaemonEnds) {
  RestartWithoutRows();
  models_->Halt();
  EXPECT_FALSE(models_->MakeReady(*ModelAt(10, "another"), /*may_wait=*/true).ok());
}

TEST_F(PreparedModelsTest, DriftIsComparedWithWhatWasRecordedWhenTheModelCame) {
  config_.drift.emplace().learn_s = 60;
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  Install(0, "a model");
  Windows(200);  // of what they were
  for (int i = 0; i < 200; ++i) Judged(static_cast<float>(11 + random_.Uniform()));
  ASSERT_FALSE(drift_.empty());
  EXPECT_EQ(drift_[0].channel, "current");
  EXPECT_EQ(drift_[0].report.state, DriftState::kStable);
  EXPECT_EQ(drift_[0].report.reference, DriftReference::kTraining);
  EXPECT_TRUE(std::ranges::any_of(drift_, [](const ChannelDrift& drift) {
    return drift.channel == "current" && drift.report.state == DriftState::kConfirmed &&
           drift.report.reference == DriftReference::kTraining;
  }));
}

TEST_F(PreparedModelsTest, ShiftThatWasThereBeforeTheDaemonStartedIsConfirmed) {
  config_.drift.emplace().learn_s = 60;
  Record("pump-1", 0, 600);
  const auto confirmed = [&] {
    return std::ranges::count_if(drift_, [](const ChannelDrift& drift) {
      return drift.channel == "current" && drift.report.state == DriftState::kConfirmed;
    });
  };
  for (const bool records : {true, false}) {
    drift_.clear();
    Begin(records ? "recordings" : "");
    models_->Remember({});
    Install(0, "a model");
    engine_->RestoreDrift({});
    models_->Begin();
    for (int i = 0; i < 300; ++i) Judged(static_cast<float>(11 + random_.Uniform()));
    EXPECT_EQ(confirmed(), records ? 1 : 0) << "without recordings nobody can know";
  }
}

TEST_F(PreparedModelsTest, WhatDriftWasComparedWithOutlastsARestart) {
  config_.drift.emplace().learn_s = 60;
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  Install(0, "a model");
  Windows(10);
  const ScoringEngine::LearntDrift noted = engine_->NotedDrift();
  Record("pump-1", 600, 7800, /*alarm=*/false, /*level=*/30);
  Begin();
  models_->Remember({{}, noted});
  Install(0, "a model");
  engine_->RestoreDrift(noted);
  models_->Begin();
  drift_.clear();
  for (int i = 0; i < 100; ++i) Judged(static_cast<float>(10 + random_.Uniform()));
  const auto is_told = [&] {
    return std::ranges::count(drift_, "current", &ChannelDrift::channel);
  };
  EXPECT_EQ(is_told(), 0) << "it is what it was when the model came";

  Begin();
  models_->Remember({{}, noted});
  Install(0, "another");
  engine_->RestoreDrift(noted);
  models_->Begin();
  for (int i = 0; i < 300; ++i) Judged(static_cast<float>(30 + random_.Uniform()));
  EXPECT_EQ(is_told(), 1) << "stable: most of what was recorded for another is like this";
}

TEST_F(PreparedModelsTest, WhatSomebodySaysIsNormalOutlastsAnotherModelsRecordings) {
  config_.drift.emplace().learn_s = 60;
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  Install(0, "a model");
  for (int i = 0; i < 200; ++i) Judged(static_cast<float>(20 + random_.Uniform()));
  engine_->Relearn({.id = "1", .machine = "pump-1", .channels = {}, .by = "", .note = ""});
  for (int i = 0; i < 60; ++i) Judged(static_cast<float>(20 + random_.Uniform()));
  engine_->Maintain();
  const ScoringEngine::LearntDrift noted = engine_->NotedDrift();
  const auto is_stable = [&](const std::string& when) {
    drift_.clear();
    for (int i = 0; i < 200; ++i) Judged(static_cast<float>(20 + random_.Uniform()));
    EXPECT_EQ(std::ranges::count(drift_, "current", &ChannelDrift::channel), 0) << when;
  };
  Install(0, "another");
  is_stable("though the recordings are of before");
  drift_.clear();
  Begin();
  models_->Remember({{}, noted});
  Install(0, "a third");
  engine_->RestoreDrift(noted);
  models_->Begin();
  EXPECT_EQ(std::ranges::count(drift_, "current", &ChannelDrift::channel), 0);
  is_stable("after a restart too");
}

}  // namespace
}  // namespace millrace
