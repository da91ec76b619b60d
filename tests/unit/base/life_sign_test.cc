// SPDX-License-Identifier: Apache-2.0
#include "base/life_sign.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/joint_heartbeat.h"

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

TEST(JointHeartbeatTest, BeatsOnceEveryThreadHasBeatenAnew) {
  JointHeartbeat heart(3);
  for (uint64_t turn = 0; turn < 5; ++turn) {
    heart.Beat(turn % 3);
    heart.Beat((turn + 1) % 3);
    for (int i = 0; i < 10; ++i) heart.Beat(turn % 3);
    EXPECT_EQ(heart.heart()->beats(), turn) << "one is missing";
    heart.Beat((turn + 2) % 3);
    EXPECT_EQ(heart.heart()->beats(), turn + 1);
  }
  JointHeartbeat alone(1);
  alone.Beat(0);
  alone.Beat(0);
  EXPECT_EQ(alone.heart()->beats(), 2);
}

TEST(JointHeartbeatTest, GoesOnForAsLongAsAllThreadsDo) {
  constexpr size_t kThreads = 4;
  constexpr uint64_t kBeats = 1000;
  JointHeartbeat heart(kThreads);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&heart, i] {
      while (heart.heart()->beats() < kBeats) {
        heart.Beat(i);
        std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(heart.heart()->beats(), kBeats) << "no thread counts twice in a turn";
}

TEST(LifeSign, IsGivenOnceWhereNobodyListens) {
  LifeSign sign(absl::InfiniteDuration());
  EXPECT_TRUE(sign.Due(kStart));
  EXPECT_FALSE(sign.Due(kStart + absl::Hours(10000)));
}

}  // namespace
}  // namespace millrace
