// SPDX-License-Identifier: Apache-2.0
#include "client/serving_guard.h"

#include <gmock/gmock.h>

#include "tests/testing/eventually.h"

namespace millrace {
namespace {

using testing::Eventually;

TEST(ServingGuardTest, HoldsTrainingWhileVerdictsAreLateAndLetsItGoAtItsEnd) {
  constexpr int64_t kLateNs = 50'000'000;
  TrainingHold training;
  {
    ServingGuard guard({.budget_p99_ms = 10}, &training, SystemLiveClock());
    EXPECT_EQ(guard.Read().p99_ns, std::nullopt);
    EXPECT_TRUE(Eventually([&] {
      guard.Took(kLateNs);
      return training.held();
    }));
    EXPECT_TRUE(guard.Read().training_held);
    EXPECT_GE(guard.Read().p99_ns.value(), kLateNs * (1 - 1e-5));
  }
  EXPECT_FALSE(training.held());
}

}  // namespace
}  // namespace millrace
