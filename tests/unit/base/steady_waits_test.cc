// SPDX-License-Identifier: Apache-2.0
// Under real daemons whose date is set: tests/fault/clock_test.cc.
#include "base/steady_waits.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/synchronization/mutex.h"
#include "base/steady_clock.h"

namespace millrace {
namespace {

TEST(SteadyWaits, ThreadsThatPassOneTurnToAndFroLoseNone) {
  UseSteadyWaits();
  constexpr int kTurns = 2000;
  absl::Mutex mutex;
  absl::CondVar changed;
  int turn = 0;
  const auto play = [&](int parity) {
    absl::MutexLock lock(&mutex);
    while (turn < kTurns) {
      while (turn < kTurns && turn % 2 != parity) changed.Wait(&mutex);
      ++turn;
      changed.Signal();
    }
  };
  std::thread other([&] { play(1); });
  play(0);
  other.join();
  EXPECT_GE(turn, kTurns);
}

TEST(SteadyWaits, WaitEndsAfterItsTimeAndNotBefore) {
  absl::Mutex mutex;
  absl::CondVar never;
  absl::MutexLock lock(&mutex);
  const absl::Time start = SteadyClock()->Now();
  // Whoever waits for a condition has to look again whenever a wait ends.
  while (SteadyClock()->Now() - start < absl::Milliseconds(5)) {
    never.WaitWithTimeout(&mutex, absl::Milliseconds(5));
  }
  EXPECT_TRUE(never.WaitWithTimeout(&mutex, -absl::InfiniteDuration()));
  EXPECT_TRUE(never.WaitWithDeadline(&mutex, absl::InfinitePast()));
  EXPECT_TRUE(never.WaitWithDeadline(&mutex, absl::UnixEpoch()));
}

TEST(SteadyWaits, WaitWithoutEndIsEndedByWhatItWaitsFor) {
  absl::Mutex mutex;
  bool told = false;
  std::thread waits([&] {
    absl::MutexLock lock(&mutex);
    EXPECT_TRUE(mutex.AwaitWithDeadline(absl::Condition(&told), absl::InfiniteFuture()));
  });
  {
    absl::MutexLock lock(&mutex);
    told = true;
  }
  waits.join();
}

}  // namespace
}  // namespace millrace
