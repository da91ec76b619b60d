// SPDX-License-Identifier: Apache-2.0
#include "base/stop_signals.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

using ::testing::Optional;

TEST(StopSignals, OneThatCameBeforeTheWaitIsNotLost) {
  const StopSignals signals;
  pthread_kill(pthread_self(), SIGTERM);
  EXPECT_THAT(signals.Wait(absl::InfiniteDuration()), Optional(SIGTERM));
  pthread_kill(pthread_self(), SIGINT);
  EXPECT_EQ(signals.Await(), SIGINT);
}

TEST(StopSignals, TheWaitEndsWithoutOne) {
  const StopSignals signals;
  EXPECT_EQ(signals.Wait(absl::ZeroDuration()), std::nullopt);
}

}  // namespace
}  // namespace millrace
