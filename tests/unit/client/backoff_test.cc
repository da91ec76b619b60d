// SPDX-License-Identifier: Apache-2.0
#include "client/operation/backoff.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

namespace millrace {
namespace {

constexpr BackoffOptions kOptions{.first = absl::Milliseconds(100), .longest = absl::Seconds(2)};

TEST(Backoff, LiesBetweenHalfAndTheWholeOfADoublingStep) {
  Random random(1);
  const absl::Duration steps[] = {absl::Milliseconds(100),  absl::Milliseconds(200),
                                  absl::Milliseconds(400),  absl::Milliseconds(800),
                                  absl::Milliseconds(1600), absl::Seconds(2),
                                  absl::Seconds(2)};
  for (int failures = 1; failures <= 7; ++failures) {
    for (int draw = 0; draw < 200; ++draw) {
      const absl::Duration wait = Backoff(kOptions, failures, random);
      EXPECT_GE(wait, steps[failures - 1] / 2);
      EXPECT_LE(wait, steps[failures - 1]);
    }
  }
}

TEST(Backoff, SpreadsOverTheWholeOfItsRange) {
  Random random(1);
  absl::Duration shortest = absl::InfiniteDuration();
  absl::Duration longest = absl::ZeroDuration();
  for (int draw = 0; draw < 1000; ++draw) {
    const absl::Duration wait = Backoff(kOptions, 1, random);
    shortest = std::min(shortest, wait);
    longest = std::max(longest, wait);
  }
  EXPECT_LT(shortest, absl::Milliseconds(51));
  EXPECT_GT(longest, absl::Milliseconds(99));
}

TEST(Backoff, StaysAtTheLongestHoweverOftenItFails) {
  Random random(1);
  for (const int failures : {30, 31, 64, 1000, std::numeric_limits<int>::max()}) {
    const absl::Duration wait = Backoff(kOptions, failures, random);
    EXPECT_GE(wait, absl::Seconds(1));
    EXPECT_LE(wait, absl::Seconds(2));
  }
}

TEST(Backoff, SitesOfDifferentSeedsDoNotComeBackTogether) {
  Random one(1);
  Random other(2);
  EXPECT_NE(Backoff(kOptions, 5, one), Backoff(kOptions, 5, other));
}

}  // namespace
}  // namespace millrace
