// SPDX-License-Identifier: Apache-2.0
#include "client/output/verdict_board.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "client/output/verdict_json.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::JudgedMachines;
using testing::ManualLiveClock;
using testing::VerdictOn;

class VerdictBoardTest : public ::testing::Test {
 protected:
  MachineStatus Of(const std::string& machine) const { return board_.Of(machine).value(); }

  ManualLiveClock clock_;
  VerdictBoard board_{{JudgedMachines({"pump-1", "pump-2"})}, HeartbeatConfig(), &clock_};
};

TEST_F(VerdictBoardTest, HeartOfAMachineBeatsWhileItIsJudged) {
  board_.Post(VerdictOn("pump-1", Judgement::kNormal));
  board_.Beat(true);
  board_.Beat(true);
  EXPECT_TRUE(Of("pump-1").alive);
  EXPECT_EQ(Of("pump-1").heartbeat, 2);
  EXPECT_FALSE(Of("pump-2").alive) << "nobody has judged it";
  EXPECT_EQ(board_.Site().heartbeat, 0) << "not all are alive";
  board_.Post(VerdictOn("pump-2", Judgement::kAlarm, 3));
  board_.Beat(true);
  EXPECT_EQ(Of("pump-2").heartbeat, 1) << "an alarm is a verdict";
  EXPECT_EQ(board_.Site().heartbeat, 1);
  EXPECT_TRUE(board_.Site().alive);
}

TEST_F(VerdictBoardTest, HeartStopsWhileNoVerdictCountsAndGoesOnAfterwards) {
  board_.Post(VerdictOn("pump-1", Judgement::kNormal));
  board_.Beat(true);
  board_.Beat(/*scoring_goes_on=*/false);
  EXPECT_FALSE(Of("pump-1").alive);
  board_.Post(VerdictOn("pump-1", Judgement::kNotEvaluated));
  board_.Beat(true);
  EXPECT_EQ(Of("pump-1").heartbeat, 1);
  board_.Post(VerdictOn("pump-1", Judgement::kNormal));
  board_.Beat(true);
  EXPECT_EQ(Of("pump-1").heartbeat, 2);
}

TEST_F(VerdictBoardTest, VerdictThatHasAgedIsNoVerdictAnyMore) {
  MachineVerdict late = VerdictOn("pump-1", Judgement::kNormal);
  late.latency_ns = 10 * kNsPerS;  // the age counts from the data
  clock_.now_ns = 100 * kNsPerS;
  late.time_ns = clock_.UnixNs();
  board_.Post(late);
  clock_.now_ns += 20 * kNsPerS;
  board_.Beat(true);
  EXPECT_EQ(Of("pump-1").age_ns, 30 * kNsPerS);
  EXPECT_EQ(Of("pump-1").verdict->judgement, Judgement::kNormal);
  EXPECT_TRUE(Of("pump-1").alive);
  clock_.now_ns += 1;
  board_.Beat(true);
  EXPECT_FALSE(Of("pump-1").alive);
  EXPECT_EQ(Of("pump-1").verdict->judgement, Judgement::kNotEvaluated);
  EXPECT_THAT(Of("pump-1").verdict->reason,
              HasSubstr("stale: no verdict on data of the last 30 s"));
}

TEST(VerdictBoardFreshnessTest, VerdictsOnAMachineAreNewsForAsLongAsItsTableSays) {
  MachineConfig lives = JudgedMachines({"pump-1-life"});
  lives.fresh_s = 90;
  ManualLiveClock clock;
  clock.now_ns = 100 * kNsPerS;
  VerdictBoard board({JudgedMachines({"pump-1"}), lives}, HeartbeatConfig(), &clock);
  for (const char* name : {"pump-1", "pump-1-life"}) {
    MachineVerdict verdict = VerdictOn(name, Judgement::kNormal);
    verdict.latency_ns = 0;
    verdict.time_ns = clock.UnixNs();
    board.Post(verdict);
  }
  clock.now_ns += 89 * kNsPerS;
  board.Beat(true);
  EXPECT_FALSE(board.Of("pump-1")->alive);
  EXPECT_TRUE(board.Of("pump-1-life")->alive);
  clock.now_ns += 2 * kNsPerS;
  board.Beat(true);
  EXPECT_THAT(board.Of("pump-1-life")->why, HasSubstr("data of the last 90 s"));
}

TEST_F(VerdictBoardTest, DataOfAnotherTimeKeepNoHeartBeatingHoweverFreshTheyCome) {
  MachineVerdict verdict = VerdictOn("pump-1", Judgement::kNormal);
  for (const int64_t lag_s : {3600, 41, -41}) {
    verdict.time_ns = clock_.UnixNs() - lag_s * kNsPerS;
    board_.Post(verdict);
    board_.Beat(true);
    EXPECT_FALSE(Of("pump-1").alive) << lag_s;
  }
  verdict.time_ns = clock_.UnixNs() - 40 * kNsPerS;
  board_.Post(verdict);
  board_.Beat(true);
  EXPECT_TRUE(Of("pump-1").alive);
}

TEST_F(VerdictBoardTest, TimeOfTheDataCountsForNothingWhereTheSiteSaysSo) {
  HeartbeatConfig config;
  config.ignore_time = true;
  VerdictBoard board({JudgedMachines({"pump-1"})}, config, &clock_);
  MachineVerdict verdict = VerdictOn("pump-1", Judgement::kNormal);
  verdict.time_ns = 0;
  board.Post(verdict);
  board.Beat(true);
  EXPECT_TRUE(board.Of("pump-1")->alive);
}

TEST_F(VerdictBoardTest, HeartThatDoesNotBeatSaysWhy) {
  EXPECT_EQ(Of("pump-1").why, "no verdict so far");
  MachineVerdict verdict = VerdictOn("pump-1", Judgement::kNotEvaluated);
  verdict.reason = "channel current is missing";
  board_.Post(verdict);
  board_.Beat(true);
  EXPECT_EQ(Of("pump-1").why, "channel current is missing");
  verdict = VerdictOn("pump-1", Judgement::kNormal);
  verdict.time_ns = clock_.UnixNs() + 3600 * kNsPerS;
  board_.Post(verdict);
  board_.Beat(true);
  EXPECT_THAT(Of("pump-1").why, HasSubstr("3600 s ahead"));
  EXPECT_THAT(HeartbeatJson(Of("pump-1")), HasSubstr("3600 s ahead"));
  verdict.time_ns = clock_.UnixNs();
  board_.Post(verdict);
  board_.Beat(/*scoring_goes_on=*/false);
  EXPECT_THAT(Of("pump-1").why, HasSubstr("scoring does not go on"));
  board_.Beat(true);
  EXPECT_EQ(Of("pump-1").why, "");
  clock_.now_ns += 31 * kNsPerS;
  board_.Beat(true);
  EXPECT_THAT(Of("pump-1").why, HasSubstr("stale"));
}

TEST_F(VerdictBoardTest, HeartbeatTellsOfAnExpiredModel) {
  MachineVerdict verdict = VerdictOn("pump-1", Judgement::kNormal);
  board_.Post(verdict);
  EXPECT_FALSE(nlohmann::json::parse(HeartbeatJson(board_.Site())).contains("model_expired"));
  verdict.expired = true;
  board_.Post(verdict);
  EXPECT_EQ(nlohmann::json::parse(HeartbeatJson(board_.Site()))["model_expired"], 1);
  EXPECT_EQ(nlohmann::json::parse(HeartbeatJson(Of("pump-1")))["model_expired"], true);
}

TEST_F(VerdictBoardTest, NobodyIsAliveOnceTheBeatsThemselvesStop) {
  board_.Post(VerdictOn("pump-1", Judgement::kNormal));
  board_.Post(VerdictOn("pump-2", Judgement::kNormal));
  board_.Beat(true);
  clock_.now_ns += 3 * kNsPerS;
  EXPECT_TRUE(Of("pump-1").alive);
  EXPECT_TRUE(board_.Site().alive);
  clock_.now_ns += 1;
  EXPECT_FALSE(Of("pump-1").alive);
  EXPECT_FALSE(board_.Site().alive);
}

TEST_F(VerdictBoardTest, MachineWithoutAModelKeepsNoHeartFromBeating) {
  MachineConfig kept = JudgedMachines({"press-1"});
  kept.model = "";
  VerdictBoard board({JudgedMachines({"pump-1"}), kept}, HeartbeatConfig(), &clock_);
  board.Post(VerdictOn("pump-1", Judgement::kNormal));
  board.Beat(true);
  EXPECT_TRUE(board.Site().alive);
  VerdictBoard alone({kept}, HeartbeatConfig(), &clock_);
  alone.Beat(true);
  EXPECT_FALSE(alone.Site().alive) << "nothing is judged there";
}

TEST_F(VerdictBoardTest, LastAlarmStaysWithItsExplanation) {
  board_.Post(VerdictOn("pump-1", Judgement::kAlarm, 3));
  MachineVerdict normal = VerdictOn("pump-1", Judgement::kNormal);
  normal.time_ns += kNsPerS;
  board_.Post(normal);
  const MachineStatus status = Of("pump-1");
  EXPECT_EQ(status.last_alarm->score, 3);
  const auto json = nlohmann::json::parse(StatusJson(status));
  EXPECT_EQ(json["verdict"], "normal");
  EXPECT_EQ(json["last_alarm"]["shares"][0]["channel"], "current");
  EXPECT_EQ(json["last_alarm"]["time"], "2023-11-14T22:13:23.000000Z");
}

TEST_F(VerdictBoardTest, HeartbeatOfTheSiteNamesWhoIsNotAlive) {
  board_.Post(VerdictOn("pump-2", Judgement::kNormal));
  board_.Beat(true);
  const auto json = nlohmann::json::parse(HeartbeatJson(board_.Site()));
  EXPECT_EQ(json["machines"], 2);
  EXPECT_EQ(json["alive"], false);
  EXPECT_THAT(json["not_alive"], ElementsAre("pump-1"));
  EXPECT_EQ(
      HeartbeatJson(Of("pump-2")),
      R"({"machine":"pump-2","heartbeat":1,"alive":true,"time":"2023-11-14T22:13:21.000000Z"})");
}

TEST(VerdictJsonTest, SaysWhichWindowIsExplainedWhereItIsAnEarlierOne) {
  MachineVerdict verdict = VerdictOn("pump-1", Judgement::kAlarm);
  EXPECT_FALSE(nlohmann::json::parse(VerdictJson(verdict)).contains("shares_time"));
  verdict.time_ns += kNsPerS;
  EXPECT_EQ(nlohmann::json::parse(VerdictJson(verdict))["shares_time"],
            "2023-11-14T22:13:23.000000Z");
}

}  // namespace
}  // namespace millrace
