// SPDX-License-Identifier: Apache-2.0
#include "client/daemon.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/clock_jumps.h"
#include "base/crypto/certificate.h"
#include "base/file_system.h"
#include "base/folder_lock.h"
#include "base/log.h"
#include "base/patient_start.h"
#include "base/service_manager.h"
#include "base/status.h"
#include "base/steady_clock.h"
#include "base/steady_notification.h"
#include "base/stop_signals.h"
#include "client/config_watch.h"
#include "client/live/live_clock.h"
#include "client/live_service.h"
#include "client/training/control_group.h"

namespace millrace {
namespace {

// How soon a site hears of revocations and of its next certificate.
constexpr absl::Duration kIdentityPeriod = absl::Seconds(30);
// Of a transfer: the coordinator syncs an update to its disk before it answers the last byte.
constexpr absl::Duration kStall = absl::Minutes(2);
constexpr absl::Duration kLookEvery = absl::Seconds(5);
constexpr absl::Duration kLookAtStart = absl::Milliseconds(50);

std::vector<std::string> WithSite(std::vector<std::string> command, const std::string& site) {
  command.insert(command.end(), {"--site", site});
  return command;
}

/// Has `live` use the sources and outputs that the site's file names, if it has changed.
void FollowFile(ConfigWatch& file, LiveService& live) {
  const std::optional<absl::StatusOr<SiteConfig>> changed = file.Changed();
  if (!changed) return;
  if (!changed->ok()) {
    LogError("changed configuration not used", {{"error", changed->status().message()}});
    return;
  }
  const LiveConfig& now = (*changed)->live;
  live.UseSources(now.sources);
  LogInfo("sources are as the configuration says now", {{"sources", now.sources.size()}});
  const absl::Status outputs = live.UseOutputs(now.outputs);
  if (!outputs.ok()) {
    LogError("changed outputs not used, those before go on", {{"error", outputs.message()}});
    return;
  }
  LogInfo("outputs are as the configuration says now", {{"outputs", now.outputs.size()}});
}

/// Whether it has started; else a signal came, and it is being stopped.
bool StartLive(LiveService& live, const StopSignals& signals) {
  SteadyNotification started;
  std::thread starting([&] {
    live.Start();
    started.Notify();
  });
  bool stopped = false;
  while (!stopped && !started.WaitForNotificationWithTimeout(kLookAtStart)) {
    stopped = signals.Wait(absl::ZeroDuration()).has_value();
    if (stopped) live.Halt();
  }
  starting.join();
  return !stopped;
}

/// The first signal that comes. Meanwhile whoever waits for a coordinator that has fallen silent is
/// set free, and the watchdog hears while every thread goes on. Either part may be missing.
int AwaitStop(const StopSignals& signals, ConfigWatch& file, LiveService* live, Daemon* daemon) {
  std::vector<const Heartbeat*> hearts;
  if (daemon != nullptr) hearts = daemon->hearts();
  if (live != nullptr) hearts.push_back(live->heart());
  LifeSign life(WatchdogPeriod(), hearts);
  const absl::Duration look_every = std::min(kLookEvery, WatchdogPeriod());
  ClockJumps clock;
  while (true) {
    if (const absl::Duration jump = clock.Read(SystemClock(), SteadyClock()).jump;
        jump != absl::ZeroDuration()) {
      LogWarning("the clock was set", {{"by_s", absl::ToDoubleSeconds(jump)}});
    }
    if (life.Due(SystemClock()->Now())) NotifyAlive();
    if (const std::optional<int> signal = signals.Wait(look_every)) return *signal;
    if (daemon != nullptr) daemon->EndStalled();
    if (live != nullptr) FollowFile(file, *live);
  }
}

}  // namespace

absl::StatusOr<Daemon::State> Daemon::TakeState(const SiteConfig& config, IdentityFiles& files) {
  MR_ASSIGN_OR_RETURN(SiteCredentials credentials, files.Load());
  MR_RETURN_IF_ERROR(CheckCertificate(credentials.certificate_pem, credentials.authority_pem,
                                      credentials.key_pem, Role::kSite, SystemClock()->Now(),
                                      config.certificate));
  MR_ASSIGN_OR_RETURN(SiteIdentity identity,
                      SiteIdentity::Create(credentials.authority_pem, credentials.certificate_pem,
                                           credentials.key_pem, SystemClock()));
  MR_ASSIGN_OR_RETURN(auto spool, Spool::Create(PosixFileSystem(), config.folder));
  return State{std::move(spool), std::move(credentials), std::move(identity)};
}

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Create(const SiteConfig& config,
                                                       std::vector<std::string> work_command,
                                                       TrainingHold* training) {
  IdentityFiles files(PosixFileSystem(), config.authority, config.certificate, config.key);
  MR_ASSIGN_OR_RETURN(State state, TakeState(config, files));
  return std::unique_ptr<Daemon>(
      new Daemon(config, std::move(files), std::move(state), std::move(work_command), training));
}

Daemon::Daemon(const SiteConfig& config, IdentityFiles identity_files, State state,
               std::vector<std::string> work_command, TrainingHold* training)
    : identity_files_(std::move(identity_files)),
      spool_(std::move(state.spool)),
      unmasked_(PosixFileSystem(), config.folder),
      availability_(PosixFileSystem(), config.folder, config.maintenance, absl::LocalTimeZone()),
      pace_(config.rates, config.hours, absl::LocalTimeZone()),
      identity_(std::move(state.identity)),
      worker_(WithSite(std::move(work_command), identity_.site()), config.folder, config.memory_mb,
              training),
      link_(OptionsOfLink(config, state.credentials)),
      keeper_(&link_, &identity_files_, state.credentials, SystemClock()),
      session_({&link_, spool_.get(), &worker_, &availability_, &identity_, &unmasked_,
                SystemClock(), SteadyClock(), &session_life_},
               OptionsOfSession(config)) {
  Follow(state.credentials);  // its revocation list too
}

Daemon::~Daemon() { Stop(); }

LinkOptions Daemon::OptionsOfLink(const SiteConfig& config, const SiteCredentials& credentials) {
  LinkOptions options;
  options.address = config.coordinator;
  options.authority_pem = credentials.authority_pem;
  options.certificate_pem = credentials.certificate_pem;
  options.key_pem = credentials.key_pem;
  options.proxy = config.proxy;
  options.pace = &pace_;
  options.transfers = &session_life_;
  return options;
}

SessionOptions Daemon::OptionsOfSession(const SiteConfig& config) {
  SessionOptions options;
  options.version = MILLRACE_VERSION;
  options.floor = config.secure;
  options.quota_bytes = config.quota_mb << 20;
  options.seed = static_cast<uint64_t>(absl::ToUnixNanos(SystemClock()->Now()));
  options.serving = [this] { return serving_ ? serving_() : std::vector<v1::ServedModel>(); };
  options.drift = [this] { return drift_ ? drift_() : std::vector<v1::ModelDrift>(); };
  options.before_check_in = [this] {
    if (const std::optional<SiteCredentials> news = keeper_.Take()) Follow(*news);
  };
  return options;
}

void Daemon::Follow(const SiteCredentials& now) {
  const absl::Status updated =
      identity_.Update(now.authority_pem, now.certificate_pem, now.key_pem, now.revocation_pem);
  if (!updated.ok()) LogError("new identity not used", {{"error", updated.message()}});
}

void Daemon::Start() {
  keeping_ = std::thread([this] { keeper_.Run(kIdentityPeriod, &keeper_life_); });
  working_ = std::thread([this] { session_.Run(); });
}

void Daemon::Stop() {
  keeper_.Stop();
  session_.Stop();  // ends the keeper's calls too
  if (working_.joinable()) working_.join();
  if (keeping_.joinable()) keeping_.join();
}

void Daemon::EndStalled() { link_.EndStalled(kStall); }

absl::Status RunDaemon(const std::string& config_path, const SiteConfig& config,
                       const std::vector<std::string>& work_command,
                       const PredictorFactory& predictors) {
  ConfigWatch file(config_path);
  const StopSignals signals;
  if (const absl::Status divided = MakeTrainingGroup({config.memory_mb, config.cpu_percent});
      !divided.ok()) {
    LogInfo("training runs without a control group", {{"reason", divided.message()}});
  }
  const auto go_on = [&](absl::Duration delay) { return !signals.Wait(delay); };
  std::unique_ptr<FolderLock> lock;
  std::unique_ptr<LiveService> live;
  const absl::Status watching = StartPatiently(
      [&]() -> absl::Status {
        if (lock == nullptr) {
          MR_ASSIGN_OR_RETURN(lock, FolderLock::Take(config.folder));
        }
        if (config.live.machines.empty()) return absl::OkStatus();
        MR_ASSIGN_OR_RETURN(live, LiveService::Create(config.live, config.folder, predictors,
                                                      PosixFileSystem(), SystemLiveClock()));
        return absl::OkStatus();
      },
      go_on);
  if (absl::IsCancelled(watching)) return absl::OkStatus();
  MR_RETURN_IF_ERROR(watching);
  if (live != nullptr && !StartLive(*live, signals)) {
    NotifyStopping();
    LogInfo("client stops before it has started");
    live->Stop();
    return absl::OkStatus();
  }

  std::unique_ptr<Daemon> daemon;
  const absl::Status created = StartPatiently(
      [&]() -> absl::Status {
        MR_ASSIGN_OR_RETURN(daemon, Daemon::Create(config, work_command,
                                                   live == nullptr ? nullptr : live->training()));
        return absl::OkStatus();
      },
      go_on);
  if (absl::IsCancelled(created)) return absl::OkStatus();
  if (created.ok()) {
    LogInfo("client starts", {{"site", daemon->site()}, {"coordinator", config.coordinator}});
    if (live != nullptr) {
      daemon->TellServing([&live] {
        std::vector<v1::ServedModel> models;
        for (const ServedModel& model : live->ServedModels()) models.push_back(ToProto(model));
        return models;
      });
      daemon->TellDrift([&live] { return live->DriftOfModels(); });
    }
    daemon->Start();
    NotifyReady(absl::StrCat("site ", daemon->site(), ", coordinator ", config.coordinator));
  } else if (live != nullptr) {
    LogError("the machines are watched without a coordinator", {{"error", created.message()}});
    NotifyReady("without a coordinator");
  } else {
    return created;
  }
  const int signal = AwaitStop(signals, file, live.get(), daemon.get());
  NotifyStopping();
  LogInfo("client stops", {{"signal", signal}});
  if (daemon != nullptr) daemon->Stop();
  if (live != nullptr) live->Stop();
  return absl::OkStatus();
}

}  // namespace millrace
