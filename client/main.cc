// SPDX-License-Identifier: Apache-2.0
// millrace-client: the daemon on a site's edge PC.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <csignal>
#include <cstdio>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/crypto/certificate.h"
#include "base/file_system.h"
#include "base/folder_lock.h"
#include "base/log.h"
#include "base/process_hardening.h"
#include "base/status.h"
#include "client/config.h"
#include "client/session/session.h"
#include "client/training/child_process.h"
#include "client/training/local_worker.h"
#include "models/torch/blas_speed.h"
#include "models/torch/torch_trainer.h"

namespace millrace {
namespace {

constexpr int kExitConfig = 2;
constexpr int64_t kMaxPem = 1 << 20;

int Refuse(const absl::Status& status) {
  std::fprintf(stderr, "millrace-client: %s\n", std::string(status.message()).c_str());
  return kExitConfig;
}

void StartLog(const SiteConfig& config) {
  InitLog("millrace-client", config.log_json ? LogFormat::kJson : LogFormat::kText,
          config.log_level);
}

/// This program's own file, to be started again as the training process.
std::string OwnPath() {
  std::array<char, 4096> path;
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), size) : "millrace-client";
}

struct Connection {
  LinkOptions link;
  std::string site;
};

absl::StatusOr<Connection> ReadConnection(const SiteConfig& config, absl::Time now) {
  Connection connection;
  LinkOptions& link = connection.link;
  link.address = config.coordinator;
  FileSystem* const files = PosixFileSystem();
  MR_ASSIGN_OR_RETURN(link.authority_pem, ReadFile(files, config.authority, kMaxPem));
  MR_ASSIGN_OR_RETURN(link.certificate_pem, ReadFile(files, config.certificate, kMaxPem));
  MR_ASSIGN_OR_RETURN(link.key_pem, ReadFile(files, config.key, kMaxPem));
  MR_RETURN_IF_ERROR(CheckCertificate(link.certificate_pem, link.authority_pem, link.key_pem,
                                      Role::kSite, now, config.certificate));
  MR_ASSIGN_OR_RETURN(const CertificateInfo info, ParseCertificate(link.certificate_pem));
  connection.site = info.identity.name;
  return connection;
}

absl::Status RunDaemon(const std::string& config_path) {
  ForbidCoreDumps();  // of a round's secrets, and of a plant's data
  // Blocked before any thread starts, so that sigwait below is the only one to see them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  MR_ASSIGN_OR_RETURN(const SiteConfig config, ReadSiteConfig(config_path, SiteConfigUse::kDaemon));
  StartLog(config);
  MR_ASSIGN_OR_RETURN(const Connection connection, ReadConnection(config, SystemClock()->Now()));
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<FolderLock> lock, FolderLock::Take(config.folder));
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<Spool> spool,
                      Spool::Create(PosixFileSystem(), config.folder));
  UnmaskFile unmasked(PosixFileSystem(), config.folder);
  Link link(connection.link);
  ChildProcessWorker worker({OwnPath(), "work", "--config", config_path, "--site", connection.site},
                            config.folder, config.memory_mb);
  SessionOptions options;
  options.version = MILLRACE_VERSION;
  options.seed = static_cast<uint64_t>(absl::ToUnixNanos(SystemClock()->Now()));
  MR_ASSIGN_OR_RETURN(
      SiteIdentity identity,
      SiteIdentity::Create(connection.link.authority_pem, connection.link.certificate_pem,
                           connection.link.key_pem, SystemClock()));
  Session session({&link, spool.get(), &worker, &identity, &unmasked, SystemClock()}, options);
  LogInfo("client starts", {{"site", connection.site}, {"coordinator", config.coordinator}});
  std::thread thread([&] { session.Run(); });
  int signal = 0;
  sigwait(&signals, &signal);
  LogInfo("client stops", {{"signal", signal}});
  session.Stop();
  thread.join();
  return absl::OkStatus();
}

int RunWork(const std::string& config_path, const std::string& site, const std::string& order) {
  return ServeWorkOrder(order, [&]() -> absl::StatusOr<std::unique_ptr<Worker>> {
    MR_ASSIGN_OR_RETURN(const SiteConfig config,
                        ReadSiteConfig(config_path, SiteConfigUse::kDaemon));
    StartLog(config);
    MR_RETURN_IF_ERROR(LimitMemory(config.memory_mb));
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : millrace::kExitConfig;  // 0: --help
  }
  if (run->parsed()) {
    const absl::Status status = millrace::RunDaemon(config);
    return status.ok() ? 0 : millrace::Refuse(status);
  }
  return millrace::RunWork(config, site, order);
}
