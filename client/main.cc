// SPDX-License-Identifier: Apache-2.0
// millrace-client: the daemon on a site's edge PC.

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/process_hardening.h"
#include "base/status.h"
#include "base/steady_waits.h"
#include "base/text.h"
#include "client/captures_command.h"
#include "client/config.h"
#include "client/daemon.h"
#include "client/drift_command.h"
#include "client/enrollment/enroll.h"
#include "client/operation/availability.h"
#include "client/operation/processors.h"
#include "client/release/staging.h"
#include "client/training/child_process.h"
#include "client/training/control_group.h"
#include "client/training/local_worker.h"
#include "models/torch/blas_speed.h"
#include "models/torch/torch_predictor.h"
#include "models/torch/torch_trainer.h"

namespace millrace {
namespace {

constexpr int kExitConfig = 2;

int Refuse(const absl::Status& status) {
  std::fprintf(stderr, "millrace-client: %s\n", Printable(status.message()).c_str());
  return kExitConfig;
}

void StartLog(const SiteConfig& config) {
  InitLog("millrace-client", config.log_json ? LogFormat::kJson : LogFormat::kText,
          config.log_level);
}

// This very program, to be started again as the training process, also when an upgrade has put
// another one in its place meanwhile.
constexpr char kOwnProgram[] = "/proc/self/exe";

absl::Status RunUntilStopped(const std::string& config_path) {
  ForbidCoreDumps();  // of a round's secrets, and of a plant's data
  MR_ASSIGN_OR_RETURN(const SiteConfig config, ReadSiteConfig(config_path, SiteConfigUse::kDaemon));
  StartLog(config);
  return RunDaemon(config_path, config, {kOwnProgram, "work", "--config", config_path},
                   NewTorchPredictor);
}

/// `change` of the state folder that the config names.
int ChangeState(const std::string& config_path,
                const std::function<absl::Status(const std::string& folder)>& change) {
  const absl::StatusOr<SiteConfig> config = ReadSiteConfig(config_path, SiteConfigUse::kDaemon);
  absl::Status status = config.status();
  if (status.ok()) status = CheckStateOwner(config->folder, geteuid());
  if (status.ok()) status = change(config->folder);
  return status.ok() ? 0 : Refuse(status);
}

/// Puts a package where the daemon finds it within seconds, and installs it.
absl::Status InstallPackage(const std::string& config_path, const std::string& path) {
  MR_ASSIGN_OR_RETURN(const SiteConfig config, ReadSiteConfig(config_path, SiteConfigUse::kDaemon));
  MR_RETURN_IF_ERROR(CheckStateOwner(config.folder, geteuid()));
  const StagingSite site{config.folder, config.live.release,
                         DemandsOf(config.live, UsableProcessors())};
  MR_ASSIGN_OR_RETURN(const v1::PackageManifest manifest,
                      StagePackage(PosixFileSystem(), site, path, SystemClock()->Now()));
  std::printf("model '%s' version %lld is staged; the daemon's log says how it goes on\n",
              manifest.name().c_str(), static_cast<long long>(manifest.version()));
  return absl::OkStatus();
}

int RunInstall(const std::string& config_path, const std::string& path) {
  const absl::Status status = InstallPackage(config_path, path);
  return status.ok() ? 0 : Refuse(status);
}

int RunEnroll(const EnrollOptions& options) {
  const absl::Status status =
      Enroll(options, PosixFileSystem(), SystemClock(), [](const std::string& line) {
        std::printf("%s\n", line.c_str());
        std::fflush(stdout);
      });
  return status.ok() ? 0 : Refuse(status);
}

int RunWork(const std::string& config_path, const std::string& site, const std::string& order) {
  ForbidCoreDumps();  // of a plant's data; the daemon's own does not outlast the exec
  return ServeWorkOrder(order, [&]() -> absl::StatusOr<std::unique_ptr<Worker>> {
    MR_ASSIGN_OR_RETURN(const SiteConfig config,
                        ReadSiteConfig(config_path, SiteConfigUse::kDaemon));
    StartLog(config);
    MR_RETURN_IF_ERROR(LimitMemory(config.memory_mb));
    MR_RETURN_IF_ERROR(JoinTrainingGroup());
    WarnIfBlasIsSlow();
    const TorchOptions torch{static_cast<int>(config.threads), config.cuda};
    return std::make_unique<LocalWorker>(
        site, config.data,
        [torch](const Plan& plan, const Architecture& architecture) {
          return NewTorchTrainer(plan, architecture, torch);
        },
        PosixFileSystem());
  });
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  CLI::App app("Millrace client: trains on a site's data and sends what may leave it.");
  app.require_subcommand(1);
  std::string config, site, order;
  CLI::App* run = app.add_subcommand("run", "run the daemon until it is stopped");
  run->add_option("--config", config, "the site's TOML file, see docs/configuration.md")
      ->required();
  CLI::App* work = app.add_subcommand("work", "do one work order (started by the daemon)");
  work->add_option("--config", config)->required();
  work->add_option("--site", site)->required();
  work->add_option("order", order)->required();
  CLI::App* pause = app.add_subcommand(
      "pause",
      "take no work until `resume`; work in hand is given up, the coordinator is told why");
  std::string reason;
  pause->add_option("--config", config, "the site's TOML file")->required();
  pause->add_option("--reason", reason, "one line, which the operator sees")->required();
  CLI::App* resume = app.add_subcommand("resume", "take work again");
  resume->add_option("--config", config, "the site's TOML file")->required();
  CLI::App* install =
      app.add_subcommand("install", "have the daemon judge its machines by this model from now on");
  std::string package;
  install->add_option("--config", config, "the site's TOML file")->required();
  install
      ->add_option("package", package,
                   "what `millrace model export` wrote and publishers have signed")
      ->required()
      ->type_name("FILE");
  millrace::CapturesCommand captures(app);
  millrace::DriftCommand drift(app);
  millrace::EnrollOptions enroll;
  CLI::App* first =
      app.add_subcommand("enroll",
                         "get this site's certificate: makes its key, sends a signing request, "
                         "waits for the approval\n"
                         "Writes site.key, site.crt, authority.crt and, if missing, site.toml.");
  first->add_option("--coordinator", enroll.coordinator, "the coordinator's address")
      ->required()
      ->type_name("HOST:PORT");
  first->add_option("--token", enroll.token, "what `millrace site invite` printed")
      ->required()
      ->envname("MILLRACE_TOKEN")
      ->type_name("TOKEN");
  enroll.folder = ".";
  first->add_option("--out", enroll.folder, "folder to write to")
      ->type_name("DIR")
      ->capture_default_str();
  first
      ->add_option("--proxy", enroll.proxy,
                   "of a proxy that takes CONNECT; kept in site.toml. Without it https_proxy and "
                   "no_proxy count")
      ->envname("MILLRACE_PROXY")
      ->type_name("http://[USER:PASSWORD@]HOST:PORT");
  double patience_s = -1;
  first->add_option("--wait", patience_s, "give up after this long; the request stays")
      ->check(CLI::NonNegativeNumber)
      ->type_name("SECONDS");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : millrace::kExitConfig;  // 0: --help
  }
  ::umask(0077);  // what is written here is the site's alone
  millrace::UseSteadyWaits();
  if (first->parsed()) {
    if (patience_s >= 0) enroll.patience = absl::Seconds(patience_s);
    return millrace::RunEnroll(enroll);
  }
  if (run->parsed()) {
    const absl::Status status = millrace::RunUntilStopped(config);
    return status.ok() ? 0 : millrace::Refuse(status);
  }
  if (captures.parsed()) {
    const absl::Status status = captures.Run();
    return status.ok() ? 0 : millrace::Refuse(status);
  }
  if (drift.parsed()) {
    const absl::Status status = drift.Run();
    return status.ok() ? 0 : millrace::Refuse(status);
  }
  if (install->parsed()) return millrace::RunInstall(config, package);
  if (pause->parsed()) {
    return millrace::ChangeState(config, [&](const std::string& folder) {
      return millrace::PauseSite(millrace::PosixFileSystem(), folder, reason);
    });
  }
  if (resume->parsed()) {
    return millrace::ChangeState(config, [](const std::string& folder) {
      return millrace::ResumeSite(millrace::PosixFileSystem(), folder);
    });
  }
  return millrace::RunWork(config, site, order);
}
