// SPDX-License-Identifier: Apache-2.0
#include "base/steady_notification.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/steady_clock.h"

namespace millrace {
namespace {

TEST(SteadyNotification, WaitsForItsPatience) {
  const SteadyNotification never;
  const absl::Time start = SteadyClock()->Now();
  EXPECT_FALSE(never.WaitForNotificationWithTimeout(absl::Milliseconds(5)));
  EXPECT_GE(SteadyClock()->Now() - start, absl::Milliseconds(5));
  EXPECT_FALSE(never.WaitForNotificationWithTimeout(-absl::InfiniteDuration()));
  EXPECT_FALSE(never.HasBeenNotified());
}

TEST(SteadyNotification, EndsEveryWaitHoweverPatient) {
  SteadyNotification notification;
  std::thread waits([&] { notification.WaitForNotification(); });
  std::thread waits_long(
      [&] { EXPECT_TRUE(notification.WaitForNotificationWithTimeout(absl::InfiniteDuration())); });
  notification.Notify();
  waits.join();
  waits_long.join();
  EXPECT_TRUE(notification.HasBeenNotified());
  EXPECT_TRUE(notification.WaitForNotificationWithTimeout(absl::ZeroDuration()));
}

}  // namespace
}  // namespace millrace
