// SPDX-License-Identifier: Apache-2.0
// millrace-client: the daemon on a site's edge PC.

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <functional>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/crypto/certificate.h"
#include "base/file_system.h"
#include "base/folder_lock.h"
#include "base/log.h"
#include "base/patient_start.h"
#include "base/process_hardening.h"
#include "base/service_manager.h"
#include "base/status.h"
#include "base/text.h"
#include "client/config.h"
#include "client/enrollment/enroll.h"
#include "client/enrollment/identity_files.h"
#include "client/enrollment/identity_keeper.h"
#include "client/session/session.h"
#include "client/training/child_process.h"
#include "client/training/control_group.h"
#include "client/training/local_worker.h"
#include "models/torch/blas_speed.h"
#include "models/torch/torch_trainer.h"

namespace millrace {
namespace {

constexpr int kExitConfig = 2;
// How soon a site hears of revocations and of its next certificate.
constexpr absl::Duration kIdentityPeriod = absl::Seconds(30);

int Refuse(const absl::Status& status) {
  std::fprintf(stderr, "millrace-client: %s\n", Printable(status.message()).c_str());
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
  SiteCredentials credentials;
};

absl::StatusOr<Connection> ReadConnection(const SiteConfig& config, IdentityFiles& files,
                                          absl::Time now) {
  Connection connection;
  LinkOptions& link = connection.link;
  link.address = config.coordinator;
  link.proxy = config.proxy;
  MR_ASSIGN_OR_RETURN(connection.credentials, files.Load());
  link.authority_pem = connection.credentials.authority_pem;
  link.certificate_pem = connection.credentials.certificate_pem;
  link.key_pem = connection.credentials.key_pem;
  MR_RETURN_IF_ERROR(CheckCertificate(link.certificate_pem, link.authority_pem, link.key_pem,
                                      Role::kSite, now, config.certificate));
  MR_ASSIGN_OR_RETURN(const CertificateInfo info, ParseCertificate(link.certificate_pem));
  connection.site = info.identity.name;
  return connection;
}

/// The first of these signals that comes; tells the watchdog meanwhile that the daemon lives.
int AwaitSignal(const sigset_t& signals) {
  constexpr absl::Duration kLongest = absl::Hours(1);
  const timespec period = absl::ToTimespec(std::min(WatchdogPeriod(), kLongest));
  int signal = -1;
  while (signal < 0) {
    NotifyAlive();
    signal = sigtimedwait(&signals, nullptr, &period);
  }
  return signal;
}

/// What is the daemon's alone.
struct State {
  std::unique_ptr<FolderLock> lock;
  Connection connection;
  std::unique_ptr<Spool> spool;
};

absl::StatusOr<State> TakeState(const SiteConfig& config, IdentityFiles& files) {
  State state;
  MR_ASSIGN_OR_RETURN(state.lock, FolderLock::Take(config.folder));
  MR_ASSIGN_OR_RETURN(state.connection, ReadConnection(config, files, SystemClock()->Now()));
  MR_ASSIGN_OR_RETURN(state.spool, Spool::Create(PosixFileSystem(), config.folder));
  return state;
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
  if (const absl::Status divided = MakeTrainingGroup({config.memory_mb, config.cpu_percent});
      !divided.ok()) {
    LogInfo("training runs without a control group", {{"reason", divided.message()}});
  }
  IdentityFiles identity_files(PosixFileSystem(), config.authority, config.certificate, config.key);
  State state;
  const absl::Status taken = StartPatiently(
      [&]() -> absl::Status {
        MR_ASSIGN_OR_RETURN(state, TakeState(config, identity_files));
        return absl::OkStatus();
      },
      [&](absl::Duration delay) {
        const timespec period = absl::ToTimespec(delay);
        return sigtimedwait(&signals, nullptr, &period) < 0;
      });
  if (absl::IsCancelled(taken)) return absl::OkStatus();
  MR_RETURN_IF_ERROR(taken);
  Connection& connection = state.connection;
  UnmaskFile unmasked(PosixFileSystem(), config.folder);
  const Availability availability(PosixFileSystem(), config.folder, config.maintenance,
                                  absl::LocalTimeZone());
  TransferPace pace(config.rates, config.hours, absl::LocalTimeZone());
  connection.link.pace = &pace;
  Link link(connection.link);
  ChildProcessWorker worker({OwnPath(), "work", "--config", config_path, "--site", connection.site},
                            config.folder, config.memory_mb);
  SessionOptions options;
  options.version = MILLRACE_VERSION;
  options.floor = config.secure;
  options.quota_bytes = config.quota_mb << 20;
  options.seed = static_cast<uint64_t>(absl::ToUnixNanos(SystemClock()->Now()));
  MR_ASSIGN_OR_RETURN(
      SiteIdentity identity,
      SiteIdentity::Create(connection.link.authority_pem, connection.link.certificate_pem,
                           connection.link.key_pem, SystemClock()));
  const auto follow = [&](const SiteCredentials& now) {
    link.UseCredentials(now.authority_pem, now.certificate_pem, now.key_pem);
    const absl::Status updated =
        identity.Update(now.authority_pem, now.certificate_pem, now.key_pem, now.revocation_pem);
    if (!updated.ok()) LogError("new identity not used", {{"error", updated.message()}});
  };
  follow(connection.credentials);
  IdentityKeeper keeper(&link, &identity_files, connection.credentials, SystemClock());
  options.before_check_in = [&] {
    if (const std::optional<SiteCredentials> news = keeper.Take()) follow(*news);
  };
  Session session(
      {&link, state.spool.get(), &worker, &availability, &identity, &unmasked, SystemClock()},
      options);
  LogInfo("client starts", {{"site", connection.site}, {"coordinator", config.coordinator}});
  std::thread thread([&] { session.Run(); });
  std::thread keeping([&] { keeper.Run(kIdentityPeriod); });
  NotifyReady(absl::StrCat("site ", connection.site, ", coordinator ", config.coordinator));
  const int signal = AwaitSignal(signals);
  NotifyStopping();
  LogInfo("client stops", {{"signal", signal}});
  keeper.Stop();
  session.Stop();
  thread.join();
  keeping.join();
  return absl::OkStatus();
}

/// `change` of the state folder that the config names.
int ChangeState(const std::string& config_path,
                const std::function<absl::Status(const std::string& folder)>& change) {
  const absl::StatusOr<SiteConfig> config = ReadSiteConfig(config_path, SiteConfigUse::kDaemon);
  const absl::Status status = config.ok() ? change(config->folder) : config.status();
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
  if (first->parsed()) {
    if (patience_s >= 0) enroll.patience = absl::Seconds(patience_s);
    return millrace::RunEnroll(enroll);
  }
  if (run->parsed()) {
    const absl::Status status = millrace::RunDaemon(config);
    return status.ok() ? 0 : millrace::Refuse(status);
  }
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
