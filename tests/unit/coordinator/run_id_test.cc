// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/run_id.h"

#include <gmock/gmock.h>

#include <set>

#include "base/name.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/engine_rig.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using testing::EngineRig;
using ::testing::Eq;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::IsStatus;
using testing::TinyPlan;

RunState RunWithId(const std::string& name, const std::string& id) {
  RunState run;
  run.id = id;
  run.plan.run.name = name;
  return run;
}

TEST(RunIdTest, EndsWithItsTag) {
  EXPECT_EQ(MakeRunId("presses", 7, "kdrthq"), "presses-7-kdrthq");
  EXPECT_EQ(MakeRunId("presses", 7, ""), "presses-7");
}

TEST(RunIdTest, TagsAreSixLettersAndDiffer) {
  std::set<std::string> tags;
  for (int i = 0; i < 100; ++i) {
    const std::string tag = RandomRunTag();
    EXPECT_THAT(tag, ::testing::MatchesRegex("[bcdfghjkmnpqrstv]{6}"));
    MR_EXPECT_OK(CheckName("run", MakeRunId("presses", 1, tag)));
    tags.insert(tag);
  }
  EXPECT_GT(tags.size(), 90U);  // two alike among a hundred: once in 3,400 times
}

TEST(RunIdTest, NumberIsReadFromIdsWithATagAndOfOldStoresWithoutOne) {
  EXPECT_EQ(RunNumber(RunWithId("presses", "presses-12-kdrthq")), 12);
  EXPECT_EQ(RunNumber(RunWithId("presses", "presses-12")), 12);
  EXPECT_EQ(RunNumber(RunWithId("line-3", "line-3-12-kdrthq")), 12);
  EXPECT_EQ(RunNumber(RunWithId("a-bcdfgh", "a-bcdfgh-2")), 2) << "a name that ends like a tag";
  EXPECT_EQ(RunNumber(RunWithId("presses", "something else")), 0);
}

TEST(RunIdTest, OperatorsMayLeaveOutTheTagAndNothingElse) {
  const RunState run = RunWithId("presses", "presses-12-kdrthq");
  EXPECT_TRUE(IsCalled(run, "presses-12-kdrthq"));
  EXPECT_TRUE(IsCalled(run, "presses-12"));
  for (const char* const other :
       {"presses-1", "presses-12-", "presses-12-kd", "presses", "", "presses-12-kdrthr"}) {
    EXPECT_FALSE(IsCalled(run, other)) << other;
  }
  EXPECT_TRUE(IsCalled(RunWithId("presses", "presses-12"), "presses-12"));
  EXPECT_FALSE(IsCalled(RunWithId("presses", "presses-12"), "presses"));
}

/// An engine on the rig's disk whose runs get these tags in turn.
class TaggedRunTest : public ::testing::Test {
 protected:
  TaggedRunTest() { Begin(); }

  void Begin() {
    EngineParts parts{&rig_.clock(), &rig_.store(), &rig_.blobs(), &rig_.area()};
    parts.run_tag = [this] { return tags_[next_++ % tags_.size()]; };
    engine_ = Engine::Create(parts, {}).value();
  }

  const std::vector<std::string> tags_ = {"bbbbbb", "cccccc", "dddddd"};
  size_t next_ = 0;
  EngineRig rig_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(TaggedRunTest, RunsAreNumberedWithinTheStoreAndFoundWithoutTheirTags) {
  EXPECT_THAT(engine_->StartRun(TinyPlan().Text()), IsOkAndHolds(Eq("tiny-1-bbbbbb")));
  Begin();
  EXPECT_THAT(engine_->StartRun(TinyPlan().Text()), IsOkAndHolds(Eq("tiny-2-cccccc")));
  MR_ASSERT_OK_AND_ASSIGN(const RunState found, engine_->GetRun("tiny-2"));
  EXPECT_EQ(found.id, "tiny-2-cccccc");
  MR_EXPECT_OK(engine_->StopRun("tiny-2", "enough"));
  EXPECT_EQ(engine_->GetRun("tiny-2-cccccc")->phase, RunPhase::kStopped);
  EXPECT_THAT(engine_->GetRun("tiny-3"),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("run tiny-3")));
}

TEST_F(TaggedRunTest, RunsOfAStoreWithoutTagsGoOnBesideThem) {
  rig_.Start();  // an engine that gives none
  Begin();
  EXPECT_THAT(engine_->StartRun(TinyPlan().Text()), IsOkAndHolds(Eq("tiny-2-bbbbbb")));
  std::vector<std::string> ids;
  for (const RunState& run : engine_->Runs()) ids.push_back(run.id);
  EXPECT_THAT(ids, ElementsAre("tiny-1", "tiny-2-bbbbbb"));
}

TEST_F(TaggedRunTest, SitesNameRunsInFull) {
  MR_ASSERT_OK(engine_->StartRun(TinyPlan().Text()));
  EXPECT_THAT(engine_->ReportFailure("a", {"tiny-1", 0, 1}, "no data"),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("run tiny-1")));
}

TEST_F(TaggedRunTest, NameThatLeavesNoRoomForNumberAndTagIsRefused) {
  std::string plan = TinyPlan().Text();
  plan.replace(plan.find("\"tiny\""), 6, absl::StrCat("\"", std::string(56, 'x'), "\""));
  EXPECT_THAT(engine_->StartRun(plan),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("[run] name is too long")));
}

}  // namespace
}  // namespace millrace
