// SPDX-License-Identifier: Apache-2.0
#include "client/output/verdict_registers.h"

#include <gmock/gmock.h>

#include <bit>

#include "absl/strings/str_cat.h"
#include "client/output/modbus_frame.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using testing::JudgedMachines;
using testing::ManualLiveClock;
using testing::VerdictOn;

/// The float of two registers, high word first.
float FloatAt(std::span<const uint16_t> words, size_t at) {
  return std::bit_cast<float>(uint32_t{words[at]} << 16 | words[at + 1]);
}

TEST(VerdictRegistersTest, BlockOfAMachineHasWhatThePageSays) {
  ManualLiveClock clock;
  VerdictBoard board({JudgedMachines({"pump-1", "pump-2"})}, HeartbeatConfig(), &clock);
  VerdictRegisters registers({"pump-2", "pump-1"}, {}, /*low_word_first=*/false);
  const std::span<const uint16_t> words = registers.At(0, 48);
  ASSERT_EQ(words.size(), 48);
  EXPECT_TRUE(registers.At(0, 49).empty());
  const std::span<const uint16_t> block = registers.At(32, 16);
  EXPECT_EQ(block[1], 0) << "no verdict so far";
  EXPECT_TRUE(std::isnan(FloatAt(block, 4)));

  MachineVerdict verdict = VerdictOn("pump-1", Judgement::kAlarm, 3.5);
  verdict.predicted = 2;
  board.Post(verdict);
  registers.Write(verdict);
  board.Beat(true);
  clock.now_ns += 2 * kNsPerS - verdict.latency_ns;
  registers.Write(board.Site());
  EXPECT_EQ(block[0], 1);
  EXPECT_EQ(block[1], 3);
  EXPECT_EQ(block[2], 1);
  EXPECT_EQ(block[3], 2);
  EXPECT_EQ(FloatAt(block, 4), 3.5F);
  EXPECT_EQ(FloatAt(block, 6), 1.25F);
  EXPECT_EQ(block[8], 1);
  EXPECT_EQ(block[9], 70'000 - 65'536);
  EXPECT_EQ(FloatAt(block, 10), 2.5F);
  EXPECT_EQ(FloatAt(block, 12), 2);
  EXPECT_EQ(uint32_t{block[14]} << 16 | block[15], 1'700'000'003);

  EXPECT_EQ(words[0], 0) << "pump-2 is not alive";
  EXPECT_EQ(words[1], 3);
  EXPECT_EQ(words[2], 2);
  EXPECT_EQ(words[3], 1);
  EXPECT_EQ(words[4], 1);
}

TEST(VerdictRegistersTest, StaleVerdictReadsNotEvaluatedAndItsHeartStandsStill) {
  ManualLiveClock clock;
  VerdictBoard board({JudgedMachines({"pump-1"})}, HeartbeatConfig(), &clock);
  VerdictRegisters registers({"pump-1"}, {}, false);
  board.Post(VerdictOn("pump-1", Judgement::kNormal));
  board.Beat(true);
  registers.Write(board.Site());
  EXPECT_EQ(registers.At(17, 1)[0], 2);
  EXPECT_EQ(registers.At(16, 1)[0], 1);
  clock.now_ns += 31 * kNsPerS;
  board.Beat(true);
  registers.Write(board.Site());
  EXPECT_EQ(registers.At(17, 1)[0], 1);
  EXPECT_EQ(registers.At(16, 1)[0], 1);
}

TEST(VerdictRegistersTest, ExpiredModelIsToldWithTheQualityAndCountedForTheSite) {
  ManualLiveClock clock;
  VerdictBoard board({JudgedMachines({"pump-1"})}, HeartbeatConfig(), &clock);
  VerdictRegisters registers({"pump-1"}, {}, false);
  MachineVerdict verdict = VerdictOn("pump-1", Judgement::kNormal);
  verdict.expired = true;
  board.Post(verdict);
  registers.Write(board.Site());
  EXPECT_EQ(registers.At(18, 1)[0], 256 + 1);
  EXPECT_EQ(registers.At(5, 1)[0], 1);
  verdict.expired = false;
  board.Post(verdict);
  registers.Write(board.Site());
  EXPECT_EQ(registers.At(18, 1)[0], 1);
  EXPECT_EQ(registers.At(5, 1)[0], 0);
}

class ExplanationRegistersTest : public ::testing::Test {
 protected:
  static std::vector<MachineConfig> Kinds() {
    MachineConfig pumps = JudgedMachines({"pump-1", "pump-2"});
    for (const char* name : {"pressure", "current", "flow", "speed"}) {
      pumps.channels.push_back({.name = name, .unit = "", .rate_hz = 1, .rules = {}});
    }
    return {JudgedMachines({"press-1"}), pumps};
  }
  std::span<const uint16_t> block() const { return registers_.At(32768 + 32, 16); }

  VerdictRegisters registers_{{"press-1", "pump-2"}, Kinds(), /*low_word_first=*/false};
};

TEST_F(ExplanationRegistersTest, AlarmNamesTheChannelsThatContributedMost) {
  MachineVerdict verdict = VerdictOn("pump-2", Judgement::kAlarm, 3.5);
  verdict.shares = {{"speed", 0.5}, {"pressure", 0.25}, {"flow", 0.125}, {"current", 0.125}};
  verdict.completeness_gap = 0.0625;
  verdict.explained_ns = 1'700'000'001 * kNsPerS;
  registers_.Write(verdict);
  EXPECT_EQ(block()[0], 4);
  EXPECT_EQ(block()[1], 4);
  EXPECT_EQ(FloatAt(block(), 2), 0.5F);
  EXPECT_EQ(block()[4], 1);
  EXPECT_EQ(FloatAt(block(), 5), 0.25F);
  EXPECT_EQ(block()[7], 3);
  EXPECT_EQ(FloatAt(block(), 8), 0.125F);
  EXPECT_EQ(FloatAt(block(), 10), 0.0625F);
  EXPECT_EQ(uint32_t{block()[12]} << 16 | block()[13], 1'700'000'001);
  EXPECT_EQ(block()[14], 0) << "its data were sound";
}

TEST_F(ExplanationRegistersTest, VerdictOnBadDataNamesTheWorstChannel) {
  MachineVerdict verdict = VerdictOn("pump-2", Judgement::kNotEvaluated);
  verdict.flagged = {{"speed", {Flag::kSuspect, Rule::kNone}, 1},
                     {"flow", {Flag::kFail, Rule::kNone}, 0.25},
                     {"current", {Flag::kFail, Rule::kNone}, 0.5}};
  registers_.Write(verdict);
  EXPECT_EQ(block()[0], 0);
  EXPECT_EQ(block()[1], 0);
  EXPECT_TRUE(std::isnan(FloatAt(block(), 2)));
  EXPECT_TRUE(std::isnan(FloatAt(block(), 10)));
  EXPECT_EQ(block()[14], 2);
  EXPECT_EQ(block()[15], 4);
}

TEST_F(ExplanationRegistersTest, NextVerdictTakesTheExplanationBack) {
  registers_.Write(VerdictOn("pump-2", Judgement::kAlarm, 3.5));
  EXPECT_EQ(block()[0], 2);
  registers_.Write(VerdictOn("pump-2", Judgement::kNormal));
  EXPECT_EQ(block()[0], 0);
  EXPECT_EQ(block()[1], 0);
  EXPECT_EQ(uint32_t{block()[12]} << 16 | block()[13], 0);
}

TEST_F(ExplanationRegistersTest, NothingIsBetweenTheVerdictsAndTheExplanations) {
  EXPECT_EQ(registers_.At(0, 48).size(), 48);
  EXPECT_TRUE(registers_.At(47, 2).empty());
  EXPECT_TRUE(registers_.At(32767, 1).empty());
  EXPECT_TRUE(registers_.At(32767, 2).empty());
  EXPECT_EQ(registers_.At(32768, 48).size(), 48);
  EXPECT_TRUE(registers_.At(32768 + 47, 2).empty());
  EXPECT_TRUE(registers_.At(65535, 125).empty());
}

TEST(VerdictRegistersTest, LowWordComesFirstWhereThePlcWantsIt) {
  VerdictRegisters registers({"pump-1"}, {}, /*low_word_first=*/true);
  registers.Write(VerdictOn("pump-1", Judgement::kNormal, 3.5));
  const auto block = registers.At(16, 16);
  EXPECT_EQ(std::bit_cast<float>(uint32_t{block[5]} << 16 | block[4]), 3.5F);
  EXPECT_EQ(block[8], 70'000 - 65'536);
}

class AlarmRegistersTest : public ::testing::Test {
 protected:
  void Judge(const std::string& machine, Judgement judgement, int64_t predicted = -1) {
    MachineVerdict verdict = VerdictOn(machine, judgement);
    verdict.time_ns = ++second_ * kNsPerS;
    verdict.predicted = predicted;
    registers_.Write(verdict);
  }
  std::span<const uint16_t> site() const { return registers_.At(24576, 4); }
  /// Of machine number `n`.
  std::span<const uint16_t> block(size_t n) const { return registers_.At(24576 + 4 * n, 4); }

  VerdictRegisters registers_{{"pump-1", "pump-2"}, {}, /*low_word_first=*/false};
  int64_t second_ = 0;
};

TEST_F(AlarmRegistersTest, AlarmThatIsOverBeforeAnybodyLooksIsCountedAndDated) {
  EXPECT_THAT(block(2), ::testing::ElementsAre(0, 65535, 0, 0)) << "there was none";
  Judge("pump-2", Judgement::kNormal);
  Judge("pump-2", Judgement::kAlarm);
  Judge("pump-2", Judgement::kAlarm);
  Judge("pump-2", Judgement::kNormal);
  EXPECT_THAT(block(2), ::testing::ElementsAre(1, 65535, 0, 2)) << "when it began";
  EXPECT_EQ(block(1)[0], 0) << "it was another machine's";
  EXPECT_THAT(site(), ::testing::ElementsAre(1, 2, 0, 2));
  Judge("pump-2", Judgement::kAlarm);
  Judge("pump-1", Judgement::kAlarm);
  EXPECT_EQ(block(2)[0], 2);
  EXPECT_THAT(site(), ::testing::ElementsAre(3, 1, 0, 6));
}

TEST_F(AlarmRegistersTest, AlarmThatTurnsIntoAnotherClassIsAnotherAlarm) {
  Judge("pump-1", Judgement::kAlarm, 3);
  Judge("pump-1", Judgement::kAlarm, 3);
  EXPECT_THAT(block(1), ::testing::ElementsAre(1, 3, 0, 1));
  Judge("pump-1", Judgement::kAlarm, 4);
  EXPECT_THAT(block(1), ::testing::ElementsAre(2, 4, 0, 3));
  Judge("pump-1", Judgement::kNotEvaluated);
  Judge("pump-1", Judgement::kAlarm, 4);
  EXPECT_THAT(block(1), ::testing::ElementsAre(3, 4, 0, 5)) << "nobody knows what was in between";
}

TEST_F(AlarmRegistersTest, CountBeginsAgainAfterItsLargest) {
  constexpr int kMostAlarms = 65536;
  for (int i = 0; i < kMostAlarms - 1; ++i) {
    Judge("pump-1", Judgement::kAlarm);
    Judge("pump-1", Judgement::kNormal);
  }
  EXPECT_EQ(block(1)[0], 65535);
  Judge("pump-1", Judgement::kAlarm);
  EXPECT_EQ(block(1)[0], 0);
  EXPECT_EQ(site()[0], 0);
}

TEST_F(AlarmRegistersTest, BeatOfTheBoardCountsNothing) {
  ManualLiveClock clock;
  VerdictBoard board({JudgedMachines({"pump-1", "pump-2"})}, HeartbeatConfig(), &clock);
  board.Post(VerdictOn("pump-1", Judgement::kAlarm));
  for (int i = 0; i < 3; ++i) {
    board.Beat(true);
    registers_.Write(board.Site());
    clock.now_ns += 20 * kNsPerS;  // so that it goes stale
  }
  EXPECT_EQ(block(1)[0], 0);
}

TEST_F(AlarmRegistersTest, BlocksOfAlarmsLieWhereVerdictsLeaveTheRoom) {
  EXPECT_EQ(registers_.At(24576, 12).size(), 12);
  EXPECT_TRUE(registers_.At(24576, 13).empty());
  EXPECT_TRUE(registers_.At(24575, 2).empty());
  const auto site_of = [](int64_t machines) {
    std::vector<std::string> names;
    for (int64_t i = 0; i < machines; ++i) names.push_back(absl::StrCat("pump-", i));
    return VerdictRegisters(names, {}, false);
  };
  const VerdictRegisters most = site_of(kMostCountedMachines);
  EXPECT_EQ(most.At(24576 + 4 * kMostCountedMachines, 4)[1], 65535) << "the last one's class";
  EXPECT_EQ(most.At(24560, 16)[1], 0) << "its verdict";
  const VerdictRegisters more = site_of(kMostCountedMachines + 1);
  EXPECT_TRUE(std::isnan(FloatAt(more.At(24576, 16), 4))) << "a verdict's score";
  EXPECT_TRUE(more.At(24592, 1).empty());
}

TEST(ModbusFrameTest, CutsWhatHasComeIntoRequests) {
  std::vector<uint8_t> bytes = {0, 7, 0, 0, 0, 6, 1, 3, 0, 0, 0, 16};
  EXPECT_EQ(FirstFrame(bytes).kind, FrameKind::kRead);
  EXPECT_EQ(FirstFrame(bytes).bytes, 12);
  EXPECT_EQ(FirstFrame(bytes).address, 0);
  EXPECT_EQ(FirstFrame(bytes).count, 16);
  bytes[11] = 126;
  EXPECT_EQ(FirstFrame(bytes).kind, FrameKind::kBadRead) << "more than an answer holds";
  bytes[11] = 0;
  EXPECT_EQ(FirstFrame(bytes).kind, FrameKind::kBadRead);
  EXPECT_EQ(FirstFrame(bytes).bytes, 12);
  bytes[11] = 125;
  EXPECT_EQ(FirstFrame(bytes).kind, FrameKind::kRead);
  for (size_t part = 0; part < bytes.size(); ++part) {
    EXPECT_EQ(FirstFrame(std::span(bytes).first(part)).kind, FrameKind::kUnfinished);
  }
  bytes[7] = 16;
  EXPECT_EQ(FirstFrame(bytes).kind, FrameKind::kOtherFunction);
  bytes[7] = 4;
  bytes[5] = 5;
  EXPECT_EQ(FirstFrame(bytes).kind, FrameKind::kBadRead);
  bytes[5] = 255;
  EXPECT_EQ(FirstFrame(bytes).kind, FrameKind::kNoModbus) << "longer than a request can be";
  bytes[5] = 6;
  bytes[2] = 1;
  EXPECT_EQ(FirstFrame(bytes).kind, FrameKind::kNoModbus);
}

}  // namespace
}  // namespace millrace
