// SPDX-License-Identifier: Apache-2.0
#include "client/recent_rows.h"

#include <gmock/gmock.h>

#include <array>

#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kFirstKept = 1'700'000'000;

/// Machines of two channels at 1 Hz whose thresholds are learnt from 100 windows.
MachineConfig KeptKind(std::vector<std::string> names) {
  MachineConfig kind = testing::JudgedMachines(std::move(names));
  kind.hop = 1;
  kind.learning.learn_windows = 100;
  for (const char* name : {"current", "speed"}) {
    kind.channels.push_back({.name = name, .unit = "", .rate_hz = 1, .rules = {}});
  }
  return kind;
}

ModelPackage ModelOfWindow(int64_t window, LabelKind label = LabelKind::kNone) {
  ModelPackage package;
  package.manifest.set_name("pumps");
  package.plan.label.kind = label;
  package.plan.input.window = window;
  return package;
}

class RecentRowsTest : public ::testing::Test {
 protected:
  void Begin(std::vector<MachineConfig> kinds, bool recordings = false,
             int64_t most_bytes = RecentRows::kMostBytes) {
    rows_ = std::make_unique<RecentRows>(std::move(kinds), recordings, &clock_, most_bytes);
  }
  /// Rows of these seconds, whose first channel counts them.
  void Take(int64_t from, int64_t to, size_t machine = 0, Flag flag = Flag::kPass) {
    const std::array<Verdict, 2> judged = {Verdict{.flag = flag}, Verdict{.flag = Flag::kPass}};
    const std::array<std::optional<Verdict>, 2> revised = {};
    for (int64_t second = from; second < to; ++second) {
      const std::array<float, 2> values = {static_cast<float>(second), 1};
      MachineRow row;
      row.machine = machine;
      row.time_ns = (kFirstKept + second) * kNsPerS;
      row.values = values;
      row.judged = judged;
      row.revised = revised;
      rows_->Take(row);
    }
  }
  /// On a window of four rows. Without a judgement: `unusable` says whether for its data.
  void Judge(Judgement judgement, int64_t second, const std::string& machine = "pump-1",
             bool unusable = false) {
    MachineVerdict verdict;
    verdict.machine = machine;
    verdict.judgement = judgement;
    verdict.time_ns = (kFirstKept + second) * kNsPerS;
    verdict.window_ns = 3 * kNsPerS;
    verdict.unusable = unusable;
    rows_->Take(verdict);
  }
  /// The first channel of what is kept.
  std::vector<float> Kept(const std::string& machine = "pump-1") {
    std::vector<float> values;
    for (const auto& block : rows_->Of(machine)) {
      for (int64_t i = 0; i < block->rows(); ++i) values.push_back(block->values[2 * i]);
    }
    return values;
  }

  testing::ManualLiveClock clock_;
  std::unique_ptr<RecentRows> rows_;
};

TEST_F(RecentRowsTest, KeepsTwiceWhatTheWindowsOfTheModelTake) {
  Begin({KeptKind({"pump-1", "pump-2"})});
  Take(0, 50);
  EXPECT_THAT(Kept(), IsEmpty()) << "there is no model";
  rows_->KeepWindowsOf(ModelOfWindow(4));
  Take(50, 5000);
  const std::vector<float> kept = Kept();
  EXPECT_GE(kept.size(), 204);
  EXPECT_LE(kept.size(), 204 + 204 / 8);
  EXPECT_EQ(kept.back(), 4998) << "the last one's verdicts may still change";
  EXPECT_EQ(kept.front(), 4999 - static_cast<float>(kept.size()));
  EXPECT_THAT(Kept("pump-2"), IsEmpty());
}

TEST_F(RecentRowsTest, MemoryIsBoundedHoweverLongTheWindowsAre) {
  constexpr int64_t kBytes = 20'000;
  Begin({KeptKind({"pump-1", "pump-2"})}, false, kBytes);
  rows_->KeepWindowsOf(ModelOfWindow(1'000'000));
  for (int64_t second = 0; second < 20'000; second += 7) {
    Take(second, second + 7);
    Take(second, second + 7, 1);
    if (second % 3 == 0) Kept();
    ASSERT_LE(rows_->bytes(), kBytes);
  }
  EXPECT_GE(rows_->bytes(), kBytes / 2) << "and it is made use of";
  EXPECT_GE(Kept().size(), 500);
}

TEST_F(RecentRowsTest, NoMemoryForASingleRowKeepsNone) {
  Begin({KeptKind({"pump-1"})}, false, 9);
  rows_->KeepWindowsOf(ModelOfWindow(4));
  Take(0, 100);
  EXPECT_EQ(rows_->bytes(), 0);
}

TEST_F(RecentRowsTest, RowsOfAnAlarmAreForgottenAndThoseBeforeIt) {
  Begin({KeptKind({"pump-1"})});
  rows_->KeepWindowsOf(ModelOfWindow(4));
  Take(0, 60);
  ASSERT_THAT(Kept(), SizeIs(59));
  Take(60, 101);
  Judge(Judgement::kNormal, 99);
  Judge(Judgement::kAlarm, 100);
  EXPECT_THAT(Kept(), SizeIs(96)) << "the window had four rows, and the last one is not told";
  Take(101, 103);
  Judge(Judgement::kNotEvaluated, 102, "pump-1", /*unusable=*/true);
  Take(103, 110);
  EXPECT_EQ(Kept()[97], 103) << "nobody knows of those that could not be judged";
}

TEST_F(RecentRowsTest, ModelThatSaysNoMoreEndsItsAlarm) {
  Begin({KeptKind({"pump-1"})});
  rows_->KeepWindowsOf(ModelOfWindow(4));
  Take(0, 60);
  Judge(Judgement::kAlarm, 59);
  Take(60, 70);
  Judge(Judgement::kNotEvaluated, 69);  // it has expired, or its threshold is learnt anew
  EXPECT_THAT(Kept(), SizeIs(65));
  Judge(Judgement::kNotEvaluated, 69, "pump-1", /*unusable=*/true);
  EXPECT_THAT(Kept(), SizeIs(65)) << "nor does it begin again";
}

TEST_F(RecentRowsTest, LaterVerdictOnAValueCounts) {
  Begin({KeptKind({"pump-1"})});
  rows_->KeepWindowsOf(ModelOfWindow(4));
  Take(0, 3);
  const std::array<Verdict, 2> judged = {};
  const std::array<std::optional<Verdict>, 2> revised = {Verdict{.flag = Flag::kFail},
                                                         std::nullopt};
  const std::array<float, 2> values = {3, 3};
  MachineRow row;
  row.time_ns = (kFirstKept + 3) * kNsPerS;
  row.values = values;
  row.judged = judged;
  row.revised = revised;
  rows_->Take(row);
  ASSERT_THAT(rows_->Of("pump-1"), SizeIs(1));
  EXPECT_EQ(rows_->Of("pump-1")[0]->flags[4], Flag::kFail);
}

TEST_F(RecentRowsTest, WhatIsRecordedOrNeedsNoThresholdIsNotKept) {
  MachineConfig recorded = KeptKind({"pump-1"});
  MachineConfig partly = KeptKind({"pump-2"});
  partly.stored = {"speed"};
  MachineConfig fixed = KeptKind({"pump-3"});
  fixed.threshold = 5;
  Begin({recorded, partly, fixed}, /*recordings=*/true);
  EXPECT_TRUE(rows_->keeps());
  rows_->KeepWindowsOf(ModelOfWindow(4));
  for (const size_t machine : {0, 1, 2}) Take(0, 50, machine);
  EXPECT_THAT(Kept("pump-1"), IsEmpty());
  EXPECT_THAT(Kept("pump-2"), SizeIs(49)) << "not all of its channels are recorded";
  EXPECT_THAT(Kept("pump-3"), IsEmpty());
  Begin({recorded, fixed}, /*recordings=*/true);
  EXPECT_FALSE(rows_->keeps());
}

TEST_F(RecentRowsTest, ModelOfALabelHasNoUseForThem) {
  Begin({KeptKind({"pump-1"})});
  rows_->KeepWindowsOf(ModelOfWindow(4, LabelKind::kColumn));
  Take(0, 50);
  EXPECT_EQ(rows_->bytes(), 0);
}

TEST_F(RecentRowsTest, MachineThatIsJudgedByAnothersRowsFindsThose) {
  MachineConfig other = KeptKind({"pump-1-wear"});
  other.model = "wear";
  other.channels_of = {"pump-1"};
  MachineConfig rows = KeptKind({"pump-1"});
  rows.threshold = 5;
  Begin({other, rows});
  ModelPackage wear = ModelOfWindow(4);
  wear.manifest.set_name("wear");
  rows_->KeepWindowsOf(wear);
  Take(0, 50, 1);
  EXPECT_THAT(Kept("pump-1-wear"), SizeIs(49));
  Judge(Judgement::kAlarm, 49, "pump-1-wear");
  EXPECT_THAT(Kept("pump-1-wear"), SizeIs(46));
}

TEST_F(RecentRowsTest, OfTwoWhoAreJudgedByTheSameRowsTheOneThatNeedsMoreCounts) {
  MachineConfig rows = KeptKind({"pump-1"});
  rows.hop = 4;
  MachineConfig other = KeptKind({"pump-1-often"});
  other.channels_of = {"pump-1"};
  for (const bool owner_first : {true, false}) {
    Begin(owner_first ? std::vector{rows, other} : std::vector{other, rows});
    rows_->KeepWindowsOf(ModelOfWindow(4));
    Take(0, 2000, owner_first ? 0 : 1);
    EXPECT_GE(Kept().size(), 2 * 100 * 4 + 4) << owner_first;
  }
}

TEST_F(RecentRowsTest, KnowsTheLastRowOfVerdictsOnData) {
  Begin({KeptKind({"pump-1", "pump-2"})});
  Judge(Judgement::kNotEvaluated, 5);
  EXPECT_EQ(rows_->LastRowNs("pump-1"), (kFirstKept + 5) * kNsPerS);
  MachineVerdict silence;
  silence.machine = "pump-1";
  silence.time_ns = (kFirstKept + 9) * kNsPerS;
  silence.silence = true;
  rows_->Take(silence);
  EXPECT_EQ(rows_->LastRowNs("pump-1"), (kFirstKept + 5) * kNsPerS);
  EXPECT_EQ(rows_->LastRowNs("pump-2"), 0);
}

TEST_F(RecentRowsTest, KnowsWhetherAMachineWasJudgedLately) {
  Begin({KeptKind({"pump-1", "pump-2"})});
  clock_.now_ns = 100;
  Judge(Judgement::kNormal, 1);
  clock_.now_ns = 200;
  Judge(Judgement::kNotEvaluated, 2);
  EXPECT_TRUE(rows_->JudgedSince("pump-1", 100));
  EXPECT_FALSE(rows_->JudgedSince("pump-1", 101));
  EXPECT_FALSE(rows_->JudgedSince("pump-2", 0));
}

}  // namespace
}  // namespace millrace
