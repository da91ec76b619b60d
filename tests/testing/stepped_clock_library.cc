// SPDX-License-Identifier: Apache-2.0
// A wall clock that a test sets, for one program: loaded before the other libraries (LD_PRELOAD),
// it adds to the machine's date what the file named in MILLRACE_STEPPED_CLOCK holds at that moment,
// an int64 of nanoseconds. Waits for a date end with that clock, as the kernel's do with the
// machine's: early where it is set forward, as much later where it is set back.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kLook = kSecond / 50;  // how soon one who waits hears that the clock was set

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

const std::atomic<int64_t>* MapAhead() {
  const char* const path = std::getenv("MILLRACE_STEPPED_CLOCK");
  const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  void* const page = ::mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) std::abort();
  ::close(file);
  return static_cast<const std::atomic<int64_t>*>(page);
}

int64_t Ahead() {
  static const std::atomic<int64_t>* const ahead = MapAhead();
  return ahead->load(std::memory_order_relaxed);
}

int64_t Nanoseconds(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }
timespec Timespec(int64_t ns) { return {ns / kSecond, ns % kSecond}; }

int RealTime(clockid_t clock, timespec* time) {
  static auto* const original = Next<int(clockid_t, timespec*)>("clock_gettime");
  return original(clock, time);
}

int64_t RealDate() {
  timespec now{};
  RealTime(CLOCK_REALTIME, &now);
  return Nanoseconds(now);
}

using Syscall = long(long, ...);

/// Of a futex, until the stepped clock says `until`.
long WaitForDate(Syscall* original, long number, const long* arguments, const timespec& until) {
  while (true) {
    const int64_t now = RealDate();
    const int64_t left = Nanoseconds(until) - (now + Ahead());
    const timespec look = Timespec(now + std::clamp<int64_t>(left, 0, kLook));
    const long result = original(number, arguments[0], arguments[1], arguments[2], &look,
                                 arguments[4], arguments[5]);
    if (result == 0 || errno != ETIMEDOUT || left <= 0) return result;
  }
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int result = RealTime(clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    *time = Timespec(Nanoseconds(*time) + Ahead());
  }
  return result;
}

int gettimeofday(timeval* __restrict time, void* __restrict) noexcept {
  const int64_t now = RealDate() + Ahead();
  *time = {now / kSecond, now % kSecond / 1000};
  return 0;
}

time_t time(time_t* result) noexcept {
  const time_t now = (RealDate() + Ahead()) / kSecond;
  if (result != nullptr) *result = now;
  return now;
}

/// abseil's locks wait by it.
long syscall(long number, ...) noexcept {
  static Syscall* const original = Next<Syscall>("syscall");
  long arguments[6];
  va_list list;
  va_start(list, number);
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  const auto* const until = reinterpret_cast<const timespec*>(arguments[3]);
  const bool by_date = number == SYS_futex && until != nullptr &&
                       (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET &&
                       (arguments[1] & FUTEX_CLOCK_REALTIME) != 0;
  if (by_date) return WaitForDate(original, number, arguments, *until);
  return original(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                  arguments[5]);
}

}  // extern "C"
