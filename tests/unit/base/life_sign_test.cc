// SPDX-License-Identifier: Apache-2.0
#include "base/life_sign.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1767225600);

TEST(LifeSign, IsGivenAtOnceAndThenOnceInAPeriod) {
  LifeSign sign(absl::Seconds(150));
  EXPECT_TRUE(sign.Due(kStart));
  EXPECT_FALSE(sign.Due(kStart + absl::Seconds(149)));
  EXPECT_TRUE(sign.Due(kStart + absl::Seconds(150)));
  EXPECT_FALSE(sign.Due(kStart + absl::Seconds(151)));
}

TEST(LifeSign, WaitsForEveryThread) {
  Heartbeat session, keeper;
  LifeSign sign(absl::Seconds(150), {&session, &keeper});
  EXPECT_FALSE(sign.Due(kStart));
  session.Beat();
  EXPECT_FALSE(sign.Due(kStart));
  keeper.Beat();
  EXPECT_TRUE(sign.Due(kStart));
}

TEST(LifeSign, ABeatCountsForOneTime) {
  Heartbeat session;
  LifeSign sign(absl::Seconds(150), {&session});
  session.Beat();
  EXPECT_TRUE(sign.Due(kStart));
  EXPECT_FALSE(sign.Due(kStart + absl::Hours(1)));
  session.Beat();
  EXPECT_TRUE(sign.Due(kStart + absl::Hours(1)));
}

TEST(LifeSign, AClockThatIsSetBackDelaysNothing) {
  LifeSign sign(absl::Seconds(150));
  EXPECT_TRUE(sign.Due(kStart));
  EXPECT_TRUE(sign.Due(kStart - absl::Hours(1)));
  EXPECT_FALSE(sign.Due(kStart - absl::Hours(1) + absl::Seconds(1)));
}

TEST(LifeSign, IsGivenOnceWhereNobodyListens) {
  LifeSign sign(absl::InfiniteDuration());
  EXPECT_TRUE(sign.Due(kStart));
  EXPECT_FALSE(sign.Due(kStart + absl::Hours(10000)));
}

}  // namespace
}  // namespace millrace
