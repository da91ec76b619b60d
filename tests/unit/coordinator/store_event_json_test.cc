// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "coordinator/store/event_json.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::At;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsStatus;
using testing::kStart;
using ::testing::Pair;

/// The event as a store would give it back; the test fails where it cannot.
template <typename Body>
Body Reread(const Body& body) {
  const Event event = At(kStart, body);
  const auto read = EventFromJson(kStart, EventKind(event), EventToJson(event));
  EXPECT_THAT(read, IsOk());
  if (!read.ok() || !std::holds_alternative<Body>(read->body)) {
    ADD_FAILURE() << EventKind(event) << " came back as another kind";
    return {};
  }
  EXPECT_EQ(read->time, kStart);
  EXPECT_EQ(EventToJson(*read), EventToJson(event));
  return std::get<Body>(read->body);
}

TEST(EventJson, RunStartedComesBack) {
  const RunStarted read = Reread(RunStarted{"[run]\nname = \"größe\"\n\t\\", Sha256Of("start")});
  EXPECT_EQ(read.plan_text, "[run]\nname = \"größe\"\n\t\\");
  EXPECT_EQ(read.parameters, Sha256Of("start"));
}

TEST(EventJson, DriftReachedComesBack) {
  const DriftReached read = Reread(DriftReached{4, 3, 2});
  EXPECT_EQ(read.sites, 4);
  EXPECT_EQ(read.drifting, 3);
  EXPECT_EQ(read.needed, 2);
}

TEST(EventJson, RoundOpenedComesBack) {
  const RoundOpened read = Reread(RoundOpened{int64_t{1} << 40, 3, {"a", "b"}, 2});
  EXPECT_EQ(read.round, int64_t{1} << 40);
  EXPECT_EQ(read.attempt, 3);
  EXPECT_THAT(read.cohort, ElementsAre("a", "b"));
  EXPECT_EQ(read.target, 2);
}

TEST(EventJson, UpdateAcceptedComesBackToTheLastBitOfItsWeight) {
  const Contribution read =
      Reread(UpdateAccepted{{"press-7", Sha256Of("update"), 0.1 + 0.2, 156}}).contribution;
  EXPECT_EQ(read.site, "press-7");
  EXPECT_EQ(read.digest, Sha256Of("update"));
  EXPECT_EQ(read.weight, 0.1 + 0.2);
  EXPECT_EQ(read.bytes, 156);
}

TEST(EventJson, SiteFailedComesBack) {
  const SiteFailed read = Reread(SiteFailed{"press-7", "line 3: \"wear\" is empty"});
  EXPECT_EQ(read.site, "press-7");
  EXPECT_EQ(read.reason, "line 3: \"wear\" is empty");
}

TEST(EventJson, ReasonThatIsNoUtf8IsKeptReadable) {
  // A peer's text, cut in the middle of a character.
  const Event event = At(kStart, SiteFailed{"press-7", "gr\xc3"});
  const auto read = EventFromJson(kStart, EventKind(event), EventToJson(event));
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(std::get<SiteFailed>(read->body).reason, HasSubstr("gr"));
}

TEST(EventJson, CoordinatorReturnedComesBack) { Reread(CoordinatorReturned{}); }

TEST(EventJson, RoundClosedComesBack) {
  EXPECT_EQ(Reread(RoundClosed{"deadline"}).reason, "deadline");
}

TEST(EventJson, CommittedTrainingRoundComesBack) {
  RoundCommitted committed;
  committed.parameters = Sha256Of("next");
  committed.optimizer_state = {Sha256Of("first"), Sha256Of("second")};
  committed.examples = 12345.5;
  committed.metrics = {{"loss", 1.0 / 3}, {"rmse", 2e-300}};
  committed.bytes_down = 77;
  const RoundCommitted read = Reread(committed);
  EXPECT_EQ(read.parameters, Sha256Of("next"));
  EXPECT_THAT(read.optimizer_state, ElementsAre(Sha256Of("first"), Sha256Of("second")));
  EXPECT_FALSE(read.scaling);
  EXPECT_EQ(read.examples, 12345.5);
  EXPECT_THAT(read.metrics, ElementsAre(Pair("loss", 1.0 / 3), Pair("rmse", 2e-300)));
  EXPECT_EQ(read.bytes_down, 77);
}

TEST(EventJson, CommittedScalingComesBackBitForBit) {
  RoundCommitted committed;
  committed.scaling = Scaling{.channels = 2,
                              .modes = {{3, {0.1f, -7e30f}, {1e-30f, 3}, 41}},
                              .overall = {-1, {0.3f, 0}, {1, 2}, 41}};
  const RoundCommitted read = Reread(committed);
  EXPECT_FALSE(read.parameters);
  ASSERT_TRUE(read.scaling);
  EXPECT_EQ(read.scaling->channels, 2);
  ASSERT_EQ(read.scaling->modes.size(), 1u);
  EXPECT_EQ(read.scaling->modes[0].cell, 3);
  EXPECT_THAT(read.scaling->modes[0].mean, ElementsAre(0.1f, -7e30f));
  EXPECT_THAT(read.scaling->modes[0].deviation, ElementsAre(1e-30f, 3));
  EXPECT_EQ(read.scaling->overall.cell, -1);
  EXPECT_THAT(read.scaling->overall.mean, ElementsAre(0.3f, 0));
  EXPECT_EQ(read.scaling->overall.count, 41);
}

TEST(EventJson, RoundAbandonedComesBackToTheMicrosecond) {
  const RoundAbandoned read =
      Reread(RoundAbandoned{"deadline", kStart + absl::Microseconds(1234567)});
  EXPECT_EQ(read.reason, "deadline");
  EXPECT_EQ(read.retry_at, kStart + absl::Microseconds(1234567));
}

TEST(EventJson, RunEndedComesBackWithItsPhase) {
  for (const RunPhase phase : {RunPhase::kFinished, RunPhase::kFailed, RunPhase::kStopped}) {
    const RunEnded read = Reread(RunEnded{phase, "why"});
    EXPECT_EQ(read.phase, phase);
    EXPECT_EQ(read.reason, "why");
  }
}

TEST(EventJson, UnknownKindIsRefusedByName) {
  EXPECT_THAT(EventFromJson(kStart, "round_paused", "{}"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("round_paused")));
}

TEST(EventJson, BrokenBodyIsRefusedNamingTheKind) {
  for (const char* body : {"", "{", "[]", "{}", "{\"reason\":3}", "null"}) {
    EXPECT_THAT(EventFromJson(kStart, "round_closed", body),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("round_closed")))
        << body;
  }
  EXPECT_THAT(EventFromJson(kStart, "run_started", R"({"plan_text":"","parameters":"zz"})"),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("run_started"), HasSubstr("not a digest"))));
}

}  // namespace
}  // namespace millrace
