// SPDX-License-Identifier: Apache-2.0
#include "base/token_bucket.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

const absl::Time kFirst = absl::FromUnixSeconds(1767225600);

TEST(TokenBucket, BeginsFullAndGivesNoMoreThanItHas) {
  TokenBucket bucket(10, 3);
  EXPECT_TRUE(bucket.Take(2, kFirst));
  EXPECT_FALSE(bucket.Take(2, kFirst));
  EXPECT_TRUE(bucket.Take(1, kFirst));
}

TEST(TokenBucket, FillsAtItsRateUpToItsBurst) {
  TokenBucket bucket(10, 3);
  ASSERT_TRUE(bucket.Take(3, kFirst));
  EXPECT_FALSE(bucket.Take(1, kFirst + absl::Milliseconds(99)));
  EXPECT_TRUE(bucket.Take(1, kFirst + absl::Milliseconds(101)));
  EXPECT_FALSE(bucket.Take(3.1, kFirst + absl::Hours(1)));
  EXPECT_TRUE(bucket.Take(3, kFirst + absl::Hours(1)));
}

TEST(TokenBucket, SaysHowLongToWait) {
  TokenBucket bucket(10, 5);
  EXPECT_EQ(bucket.Until(5, kFirst), absl::ZeroDuration());
  ASSERT_TRUE(bucket.Take(5, kFirst));
  EXPECT_EQ(bucket.Until(2, kFirst), absl::Milliseconds(200));
  EXPECT_EQ(bucket.Until(1000, kFirst), absl::Milliseconds(500)) << "a full bucket";
}

TEST(TokenBucket, SpendingGoesIntoDebtThatTimePays) {
  TokenBucket bucket(1000, 100);
  EXPECT_EQ(bucket.Spend(100, kFirst), absl::ZeroDuration());
  EXPECT_EQ(bucket.Spend(500, kFirst), absl::Milliseconds(500));
  EXPECT_EQ(bucket.Spend(0, kFirst + absl::Milliseconds(400)), absl::Milliseconds(100));
}

TEST(TokenBucket, ClockThatIsSetBackGivesAndTakesNothing) {
  TokenBucket bucket(10, 1);
  ASSERT_TRUE(bucket.Take(1, kFirst));
  EXPECT_FALSE(bucket.Take(1, kFirst - absl::Hours(1)));
  EXPECT_TRUE(bucket.Take(1, kFirst + absl::Milliseconds(100)));
}

}  // namespace
}  // namespace millrace
