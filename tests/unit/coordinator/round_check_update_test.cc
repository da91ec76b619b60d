// SPDX-License-Identifier: Apache-2.0
// Which announced updates a round takes, and in which words it refuses the others.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "aggregation/exact_sum.h"
#include "coordinator/round/update.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::At;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::kStart;
using testing::LayoutOf;
using testing::MustApply;
using testing::NewRun;
using testing::Opening;
using testing::TinyPlan;

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

// Hand-counted: mlp 2 -> 2 -> 1 has 4 + 2 + 2 + 1 = 9 parameters; a regression's training round
// has 3 + 2 statistics.
constexpr int64_t kTrainingBytes = 4 * (9 + 5 * kExactLimbs);

/// A run with training round 2 open for sites a and b; round 1 is committed.
class CheckUpdateTest : public ::testing::Test {
 protected:
  explicit CheckUpdateTest(const TinyPlan& plan = {.normalization = "none"}) : run_(NewRun(plan)) {
    MustApply(run_, Opening(run_, {"a", "b"}, kStart));
    MustApply(run_, At(kStart, RoundClosed{"deadline"}));
    RoundCommitted committed;
    committed.parameters = Sha256Of("next");
    MustApply(run_, At(kStart, committed));
    MustApply(run_, Opening(run_, {"a", "b"}, kStart));
    claim_.round = {"tiny-1", 2, 1};
    claim_.site = "a";
    claim_.bytes = kTrainingBytes;
    claim_.layout = LayoutOf(run_).digest();
    claim_.weight = 10;
  }

  absl::Status Check() const { return CheckUpdate(run_, LayoutOf(run_), claim_); }

  RunState run_;
  UpdateClaim claim_;  // acceptable until a test spoils it
};

TEST_F(CheckUpdateTest, TrueClaimIsAccepted) { MR_EXPECT_OK(Check()); }

TEST_F(CheckUpdateTest, StaleRoundIsRefusedNamingTheCurrentOne) {
  claim_.round.round = 1;
  EXPECT_THAT(Check(), IsStatus(kPrecondition,
                                AllOf(HasSubstr("site a"), HasSubstr("tiny-1 round 1 attempt 1"),
                                      HasSubstr("current is tiny-1 round 2 attempt 1"))));
}

TEST_F(CheckUpdateTest, FutureRoundIsRefusedNamingTheCurrentOne) {
  claim_.round.round = 3;
  EXPECT_THAT(Check(), IsStatus(kPrecondition, AllOf(HasSubstr("tiny-1 round 3 attempt 1"),
                                                     HasSubstr("current is tiny-1 round 2"))));
}

TEST_F(CheckUpdateTest, AnotherAttemptIsRefused) {
  claim_.round.attempt = 2;
  EXPECT_THAT(Check(), IsStatus(kPrecondition, HasSubstr("current is tiny-1 round 2 attempt 1")));
}

TEST_F(CheckUpdateTest, RoundThatIsNotOpenYetIsRefused) {
  MustApply(run_, At(kStart, RoundAbandoned{"deadline", kStart}));
  claim_.round.attempt = 2;
  EXPECT_THAT(Check(), IsStatus(kPrecondition, HasSubstr("round 2 is not open yet")));
}

TEST_F(CheckUpdateTest, ClosedRoundIsRefused) {
  MustApply(run_, At(kStart, RoundClosed{"target reached"}));
  EXPECT_THAT(Check(), IsStatus(kPrecondition, AllOf(HasSubstr("site a"), HasSubstr("closed"))));
}

TEST_F(CheckUpdateTest, EndedRunIsRefused) {
  MustApply(run_, At(kStart, RunEnded{RunPhase::kStopped, "by ann"}));
  EXPECT_THAT(Check(), IsStatus(kPrecondition, HasSubstr("the run has ended")));
}

TEST_F(CheckUpdateTest, UninvitedSiteIsRefusedByName) {
  claim_.site = "mallory";
  EXPECT_THAT(Check(),
              IsStatus(kPrecondition, AllOf(HasSubstr("site mallory"), HasSubstr("not invited"))));
}

TEST_F(CheckUpdateTest, WrongLengthIsRefusedWithBothLengths) {
  for (const int64_t bytes : {int64_t{-4}, int64_t{0}, kTrainingBytes - 4, kTrainingBytes + 4,
                              std::numeric_limits<int64_t>::max()}) {
    claim_.bytes = bytes;
    EXPECT_THAT(Check(),
                IsStatus(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("site a"), HasSubstr(absl::StrCat("length ", bytes)),
                               HasSubstr(absl::StrCat("have ", kTrainingBytes)))));
  }
}

TEST_F(CheckUpdateTest, WrongLayoutIsRefusedWithBothDigests) {
  claim_.layout = Sha256Of("another model");
  EXPECT_THAT(Check(), IsStatus(absl::StatusCode::kInvalidArgument,
                                AllOf(HasSubstr("site a"), HasSubstr("layout"),
                                      HasSubstr(claim_.layout.Hex()),
                                      HasSubstr(LayoutOf(run_).digest().Hex()))));
}

TEST_F(CheckUpdateTest, AbsurdWeightIsRefusedWithTheLimit) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double weight : {std::nan(""), 0.0, -0.0, -1.0, 1000.5, 1e300, infinity, -infinity}) {
    claim_.weight = weight;
    EXPECT_THAT(Check(), IsStatus(absl::StatusCode::kInvalidArgument,
                                  AllOf(HasSubstr("site a"), HasSubstr("weight"),
                                        HasSubstr("max_weight 1000"))))
        << weight;
  }
}

TEST_F(CheckUpdateTest, WeightAtTheLimitIsAccepted) {
  claim_.weight = 1000;
  MR_EXPECT_OK(Check());
}

class CheckUpdateOfEqualWeights : public CheckUpdateTest {
 protected:
  CheckUpdateOfEqualWeights()
      : CheckUpdateTest({.update = "weights = \"equal\"\n", .normalization = "none"}) {}
};

TEST_F(CheckUpdateOfEqualWeights, AnyWeightButOneIsRefused) {
  claim_.weight = 2;
  EXPECT_THAT(Check(), IsStatus(absl::StatusCode::kInvalidArgument,
                                AllOf(HasSubstr("site a"), HasSubstr("weight 2"),
                                      HasSubstr("weighs sites equally"))));
  claim_.weight = 1;
  MR_EXPECT_OK(Check());
}

TEST(ShapeOf, StatisticsRoundSendsMomentsOnly) {
  const RunState run = NewRun();
  const UpdateShape shape = ShapeOf(run.plan, TaskKind::kStatistics, LayoutOf(run));
  EXPECT_EQ(shape.parameters, 0);
  EXPECT_EQ(shape.statistics,
            3 * kExactLimbs);  // count, sum, sum of squares of one channel, one mode
}

TEST(ShapeOf, EvaluationRoundSendsSumsOfMetricsOnly) {
  const RunState run = NewRun();
  const UpdateShape shape = ShapeOf(run.plan, TaskKind::kEvaluation, LayoutOf(run));
  EXPECT_EQ(shape.parameters, 0);
  EXPECT_EQ(shape.bytes(), 4 * 3 * kExactLimbs);
}

}  // namespace
}  // namespace millrace
