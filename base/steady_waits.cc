// SPDX-License-Identifier: Apache-2.0
#include "base/steady_waits.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <new>

#include "absl/base/config.h"
#include "absl/synchronization/internal/create_thread_identity.h"
#include "absl/synchronization/internal/per_thread_sem.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/check.h"

namespace millrace {
namespace {

using absl::base_internal::ThreadIdentity;
using WaitCount = std::atomic<int32_t>;  // how often a thread may go on

/// Where abseil has put a zero when it made the thread's identity.
WaitCount& WaitCountOf(ThreadIdentity* thread) {
  return *std::launder(reinterpret_cast<WaitCount*>(thread->waiter_state.data));
}

long WaitFutex(WaitCount* count, int operation, int value, const timespec* until) {
  return ::syscall(SYS_futex, count, operation | FUTEX_PRIVATE_FLAG, value, until, nullptr,
                   FUTEX_BITSET_MATCH_ANY);
}

absl::Time ReadClock(clockid_t clock) {
  timespec now{};
  MR_CHECK(::clock_gettime(clock, &now) == 0);
  return absl::TimeFromTimespec(now);
}

/// By the clock that nobody sets. For up to two seconds after the date was set abseil and gRPC
/// disagree on it, and `date` may be of either: the shorter wait is safe, since who waited looks
/// again.
timespec SteadyEnd(absl::Time date) {
  const absl::Duration left = date - std::max(ReadClock(CLOCK_REALTIME), absl::Now());
  return absl::ToTimespec(ReadClock(CLOCK_MONOTONIC) + std::max(left, absl::ZeroDuration()));
}

}  // namespace

void UseSteadyWaits() {}

}  // namespace millrace

// abseil's own are weak, for a program to replace both.

extern "C" void ABSL_INTERNAL_C_SYMBOL(AbslInternalPerThreadSemPost)(
    absl::base_internal::ThreadIdentity* thread) {
  millrace::WaitCount& count = millrace::WaitCountOf(thread);
  if (count.fetch_add(1, std::memory_order_release) == 0) {
    millrace::WaitFutex(&count, FUTEX_WAKE, 1, nullptr);
  }
}

extern "C" bool ABSL_INTERNAL_C_SYMBOL(AbslInternalPerThreadSemWait)(
    absl::synchronization_internal::KernelTimeout timeout) {
  millrace::WaitCount& count =
      millrace::WaitCountOf(absl::synchronization_internal::GetOrCreateCurrentThreadIdentity());
  timespec end{};
  if (timeout.has_timeout()) {
    end = millrace::SteadyEnd(absl::TimeFromTimespec(timeout.MakeAbsTimespec()));
  }
  const timespec* const until = timeout.has_timeout() ? &end : nullptr;
  while (true) {
    int32_t here = count.load(std::memory_order_relaxed);
    while (here != 0) {
      if (count.compare_exchange_weak(here, here - 1, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        return true;
      }
    }
    const long waited = millrace::WaitFutex(&count, FUTEX_WAIT_BITSET, 0, until);
    if (waited != 0 && errno == ETIMEDOUT) return false;
  }
}
