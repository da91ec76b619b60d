// SPDX-License-Identifier: Apache-2.0
// millrace: the operator's command line.

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iostream>
#include <string>
#include <vector>

#include "base/steady_waits.h"
#include "coordinator/cli/cli.h"

namespace {

constexpr size_t kUsualColumns = 80;

/// Of the terminal on standard output; 0 if it is none.
size_t TerminalColumns() {
  if (::isatty(STDOUT_FILENO) == 0) return 0;
  winsize size = {};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUsualColumns;
  return size.ws_col;
}

}  // namespace

int main(int argc, char** argv) {
  millrace::UseSteadyWaits();  // `authority renew --watch` runs for months
  ::umask(0077);               // keys, and backups, whose store SQLite makes as readable as it may
  millrace::CliEnvironment environment;
  environment.out = &std::cout;
  environment.err = &std::cerr;
  environment.columns = TerminalColumns();
  environment.files = millrace::PosixFileSystem();
  environment.clock = millrace::SystemClock();
  environment.zone = absl::LocalTimeZone();
  environment.connect = millrace::NewConnection;
  return static_cast<int>(
      millrace::RunCli(std::vector<std::string>(argv + 1, argv + argc), environment));
}
