// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace millrace::testing {

/// Of any process; one that nobody has reaped is dead.
bool Lives(pid_t pid);

/// A program that runs beside the test, its output in a file. Killed, if need be, and reaped when
/// the object goes.
class Process {
 public:
  /// Standard output and error are appended to `log_path`.
  Process(const std::vector<std::string>& command, std::string log_path);
  ~Process();

  pid_t pid() const { return pid_; }
  /// The processes that it has started and that live.
  std::vector<pid_t> Children() const;
  /// The most memory that it has had resident, bytes.
  int64_t PeakMemory() const;
  /// SIGKILL; returns when it is dead.
  void Kill();
  void Signal(int signal);
  /// Its exit status once it has ended by itself; none if it has not within `patience`, or was
  /// killed.
  std::optional<int> AwaitExit(absl::Duration patience = absl::Seconds(60));
  /// Everything written so far.
  std::string Log() const;

 private:
  const std::string log_path_;
  pid_t pid_ = -1;
  std::optional<int> wait_status_;
};

}  // namespace millrace::testing
