// SPDX-License-Identifier: Apache-2.0
#include "client/store/row_recorder.h"

#include <gmock/gmock.h>

#include <array>
#include <limits>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr std::array kPass = {Flag::kPass, Flag::kPass};

class RowRecorderTest : public ::testing::Test {
 protected:
  std::optional<StoredRows> Add(int64_t time_ns, float a, float b) {
    return recorder_.Add(time_ns, std::array{a, b}, kPass);
  }

  RowRecorder recorder_{"pump", {"current", "speed"}, 10, 3};
};

TEST_F(RowRecorderTest, BlockIsGivenWhenTheNextOneBegins) {
  for (const int64_t time : {100, 110, 120}) EXPECT_FALSE(Add(time, 1, 2).has_value());
  const auto block = Add(130, 3, 4);
  ASSERT_TRUE(block.has_value());
  MR_EXPECT_OK(block->Check());
  EXPECT_EQ(block->machine, "pump");
  EXPECT_EQ(block->first_ns, 100);
  EXPECT_EQ(block->rows(), 3);
  const auto rest = recorder_.Finish();
  ASSERT_TRUE(rest.has_value());
  EXPECT_EQ(rest->first_ns, 130);
  EXPECT_THAT(rest->values, ElementsAre(3, 4));
  EXPECT_FALSE(recorder_.Finish().has_value());
}

TEST_F(RowRecorderTest, BlocksSayTheUnitsAndGrowByRowsInTheSameOnesAlone) {
  RowRecorder recorder("pump", {"current", "speed"}, 10, 3, {"A", ""});
  recorder.Add(100, std::array{1.F, 2.F}, kPass);
  std::optional<StoredRows> block = recorder.Finish();
  ASSERT_TRUE(block.has_value());
  MR_ASSERT_OK_AND_ASSIGN(StoredRows read, StoredRows::Parse(block->ToBytes()));
  EXPECT_THAT(read.units, ElementsAre("A", ""));
  recorder.Add(110, std::array{1.F, 2.F}, kPass);
  EXPECT_TRUE(block->Continue(*recorder.Finish(), 3));
  Add(120, 1, 2);
  EXPECT_FALSE(block->Continue(*recorder_.Finish(), 3)) << "of these nobody says the units";
  read.units = {"A"};
  EXPECT_THAT(StoredRows::Parse(read.ToBytes()),
              testing::IsStatus(absl::StatusCode::kDataLoss, ::testing::_));
}

TEST_F(RowRecorderTest, GapOrAStepBackBeginsABlock) {
  Add(100, 1, 2);
  EXPECT_TRUE(Add(120, 1, 2).has_value());
  EXPECT_TRUE(Add(90, 1, 2).has_value());
  EXPECT_TRUE(Add(90, 1, 2).has_value()) << "the same time again";
  EXPECT_FALSE(Add(100, 1, 2).has_value());
}

TEST_F(RowRecorderTest, RowWithoutValuesIsLeftOut) {
  EXPECT_FALSE(Add(100, kNan, kNan).has_value());
  recorder_.Revise(0, Flag::kFail);
  EXPECT_FALSE(recorder_.Finish().has_value());
  Add(110, 1, kNan);
  Add(120, kNan, kNan);
  const auto block = Add(130, 1, 2);
  ASSERT_TRUE(block.has_value());
  EXPECT_EQ(block->rows(), 1);
}

TEST_F(RowRecorderTest, LaterVerdictIsThatOfTheLastRow) {
  Add(100, 1, 2);
  Add(110, 1, 2);
  recorder_.Revise(1, Flag::kSuspect);
  Add(120, kNan, kNan);
  recorder_.Revise(0, Flag::kFail);
  EXPECT_THAT(recorder_.Finish()->flags,
              ElementsAre(Flag::kPass, Flag::kPass, Flag::kPass, Flag::kSuspect));
}

TEST_F(RowRecorderTest, PeriodOfAThirdIsNoGap) {
  RowRecorder recorder("pump", {"current", "speed"}, 83'333, 100'000);
  int64_t blocks = 0;
  for (int64_t row = 0; row < 12'000; ++row) {
    const int64_t time_ns = row * 1'000'000 / 12;  // 12 kHz
    blocks += recorder.Add(time_ns, std::array{1.F, 2.F}, kPass).has_value();
  }
  EXPECT_EQ(blocks, 0);
  EXPECT_EQ(recorder.Finish()->rows(), 12'000);
}

TEST_F(RowRecorderTest, LastRowIsHeldBackForItsLaterVerdict) {
  Add(100, 1, 2);
  EXPECT_FALSE(recorder_.FinishButLast().has_value());
  Add(110, 3, 4);
  const auto first = recorder_.FinishButLast();
  ASSERT_TRUE(first.has_value());
  EXPECT_THAT(first->values, ElementsAre(1, 2));
  recorder_.Revise(0, Flag::kSuspect);
  const auto rest = recorder_.Finish();
  EXPECT_EQ(rest->first_ns, 110);
  EXPECT_THAT(rest->flags, ElementsAre(Flag::kSuspect, Flag::kPass));
}

}  // namespace
}  // namespace millrace
