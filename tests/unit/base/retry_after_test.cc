// SPDX-License-Identifier: Apache-2.0
#include "base/retry_after.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

const absl::Status kBusy = absl::ResourceExhaustedError("busy");

TEST(RetryAfter, TravelsWithItsStatus) {
  const absl::Status status = WithRetryAfter(kBusy, absl::Milliseconds(1500));
  EXPECT_EQ(status.message(), "busy");
  EXPECT_EQ(RetryAfter(status), absl::Milliseconds(1500));
}

TEST(RetryAfter, IsNotInAStatusThatDoesNotSaySo) {
  EXPECT_EQ(RetryAfter(kBusy), std::nullopt);
  EXPECT_EQ(RetryAfter(WithRetryAfter(absl::OkStatus(), absl::Seconds(1))), std::nullopt);
}

TEST(RetryAfter, IsNeverNothingAndNeverLongerThanAnHour) {
  EXPECT_EQ(RetryAfter(WithRetryAfter(kBusy, absl::ZeroDuration())), absl::Milliseconds(1));
  EXPECT_EQ(RetryAfter(WithRetryAfter(kBusy, absl::Hours(1000))), absl::Hours(1));
}

}  // namespace
}  // namespace millrace
