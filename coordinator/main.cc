// SPDX-License-Identifier: Apache-2.0
// millrace-coordinator: the service in the cloud.

#include <sys/resource.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/patient_start.h"
#include "base/process_hardening.h"
#include "base/service_manager.h"
#include "base/status.h"
#include "base/steady_waits.h"
#include "base/stop_signals.h"
#include "coordinator/config.h"
#include "coordinator/server.h"

namespace millrace {
namespace {

constexpr int kExitConfig = 2;
constexpr int kExitStart = 3;

/// Every site that waits holds a connection, and the usual limit is 1024.
void RaiseFileLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Run(const std::string& config_path, bool check) {
  // Debian builds abseil with its debug check of lock order, which costs 6 % of a round here; the
  // test programs keep it on.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  UseSteadyWaits();
  RaiseFileLimit();
  ForbidCoreDumps();  // of a round's shares, and of the key of TLS
  ::umask(0077);      // SQLite makes its files as readable as it may
  const StopSignals signals;

  const absl::StatusOr<std::string> text = ReadFile(PosixFileSystem(), config_path);
  absl::StatusOr<CoordinatorConfig> config =
      text.ok() ? ParseCoordinatorConfig(*text, DirectoryOf(config_path)) : text.status();
  if (!config.ok()) {
    std::fprintf(stderr, "millrace-coordinator: %s: %s\n", config_path.c_str(),
                 std::string(config.status().message()).c_str());
    return kExitConfig;
  }
  config->check = check;
  InitLog("millrace-coordinator", config->log_json ? LogFormat::kJson : LogFormat::kText,
          config->log_level);
  std::unique_ptr<CoordinatorServer> server;
  const absl::Status started = StartPatiently(
      [&]() -> absl::Status {
        MR_ASSIGN_OR_RETURN(server, CoordinatorServer::Start(*config, SystemClock()));
        return absl::OkStatus();
      },
      [&](absl::Duration delay) { return !signals.Wait(delay); });
  if (absl::IsCancelled(started)) return 0;
  if (!started.ok()) {
    LogError("coordinator cannot start", {{"error", started.message()}});
    return kExitStart;
  }
  std::printf("port %d\n", server->port());
  std::fflush(stdout);
  NotifyReady(absl::StrCat("listens on port ", server->port()));
  const int signal = signals.Await();
  NotifyStopping();
  LogInfo("coordinator stops", {{"signal", signal}});
  return 0;
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  CLI::App app("Millrace coordinator: runs federations of sites. Prints the port it listens on.");
  std::string config;
  app.add_option("--config", config, "TOML file, see docs/configuration.md")->required();
  bool check = false;
  app.add_flag("--check", check,
               "compute every model's digest at the start, not only those in use");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : millrace::kExitConfig;  // 0: --help
  }
  return millrace::Run(config, check);
}
