// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "tests/testing/temporary_folder.h"

namespace millrace::testing {

/// A wall clock that the test sets, for programs that run beside it and know no other
/// (stepped_clock_library.cc). Right at first.
class SteppedClock {
 public:
  SteppedClock();
  ~SteppedClock();
  SteppedClock(const SteppedClock&) = delete;
  SteppedClock& operator=(const SteppedClock&) = delete;

  /// So much before the machine's, from now on.
  void Set(absl::Duration ahead) { *ahead_ = absl::ToInt64Nanoseconds(ahead); }
  /// The path of a program that is `program` under this clock.
  std::string Under(const std::string& program) const;

 private:
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }

  const TemporaryFolder folder_;
  std::atomic<int64_t>* ahead_;  // mapped, for the programs to see
};

}  // namespace millrace::testing
