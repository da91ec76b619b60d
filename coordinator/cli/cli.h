// SPDX-License-Identifier: Apache-2.0
// The operator's command line as a function, so that tests can run all of it.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "coordinator/cli/connection.h"
#include "coordinator/cli/exit_code.h"

namespace millrace {

/// What the command line touches; all of it outlives the call.
struct CliEnvironment {
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  size_t columns = 0;  // of the terminal that `out` is, 0 for none
  FileSystem* files = nullptr;
  Clock* clock = nullptr;
  absl::TimeZone zone;
  std::function<std::unique_ptr<Connection>(const ConnectionOptions&)> connect;
};

/// `arguments` without the program's name. Reads MILLRACE_* from the process's environment.
ExitCode RunCli(const std::vector<std::string>& arguments, const CliEnvironment& environment);

}  // namespace millrace
