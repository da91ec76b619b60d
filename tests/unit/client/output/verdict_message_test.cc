// SPDX-License-Identifier: Apache-2.0
#include "client/output/verdict_message.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using testing::VerdictOn;

TEST(VerdictMessageTest, TellsWhichModelHasJudgedAndWhatItsScoreMeans) {
  MachineVerdict verdict = VerdictOn("pump-1", Judgement::kAlarm, 3.5);
  verdict.model = "presses";
  verdict.version = 4;
  verdict.digest = Sha256Of("its parameters");
  verdict.task = Task::kClassification;
  verdict.expired = true;
  const v1::Verdict message = ToMessage(verdict);
  EXPECT_EQ(message.model(), "presses");
  EXPECT_EQ(message.version(), 4);
  EXPECT_EQ(message.sha256(), verdict.digest.ToBytes());
  EXPECT_TRUE(message.model_expired());
  EXPECT_EQ(message.task(), "classification");
  EXPECT_EQ(message.score(), 3.5);
}

TEST(VerdictMessageTest, WithoutAScoreThereIsNoTaskEither) {
  MachineVerdict verdict =
      VerdictOn("pump-1", Judgement::kNotEvaluated, std::numeric_limits<double>::quiet_NaN());
  verdict.digest = Digest{};
  const v1::Verdict message = ToMessage(verdict);
  EXPECT_FALSE(message.has_score());
  EXPECT_EQ(message.task(), "");
  EXPECT_EQ(message.sha256(), "");
}

}  // namespace
}  // namespace millrace
