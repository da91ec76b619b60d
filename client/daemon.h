// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/life_sign.h"
#include "client/config.h"
#include "client/enrollment/identity_files.h"
#include "client/enrollment/identity_keeper.h"
#include "client/operation/availability.h"
#include "client/operation/transfer_pace.h"
#include "client/session/link.h"
#include "client/session/session.h"
#include "client/session/site_identity.h"
#include "client/session/spool.h"
#include "client/session/unmask_file.h"
#include "client/training/child_process.h"
#include "client/training/training_hold.h"
#include "millrace/v1/common.pb.h"
#include "millrace/v1/telemetry.pb.h"
#include "models/predictor.h"

namespace millrace {

/// A site's part in the federation: takes its identity and keeps the session with the coordinator.
class Daemon {
 public:
  /// `work_command` starts a process that does one work order; the site's name and the order's file
  /// are added to it. Nothing runs before Start. What StartPatiently waits for may pass by itself.
  /// `training`, if there is one, has that process stand still; it outlives the daemon.
  static absl::StatusOr<std::unique_ptr<Daemon>> Create(const SiteConfig& config,
                                                        std::vector<std::string> work_command,
                                                        TrainingHold* training);
  /// Stops.
  ~Daemon();

  /// What the coordinator is told of the models that judge this site's machines. Before Start.
  void TellServing(std::function<std::vector<v1::ServedModel>()> serving) {
    serving_ = std::move(serving);
  }
  /// And of the drift of what these see. Before Start.
  void TellDrift(std::function<std::vector<v1::ModelDrift>()> drift) { drift_ = std::move(drift); }
  /// Once.
  void Start();
  /// Returns when everything has ended; work in hand is abandoned, the spool keeps it.
  void Stop();

  /// Gives up transfers that stand still. To be called now and then while it runs.
  void EndStalled();
  /// What beats while all of it goes on.
  std::vector<const Heartbeat*> hearts() const { return {&session_life_, &keeper_life_}; }
  /// Whose daemon this is, as the certificate says.
  const std::string& site() const { return identity_.site(); }

 private:
  /// What has to be there before anything can be put together.
  struct State {
    std::unique_ptr<Spool> spool;
    SiteCredentials credentials;
    SiteIdentity identity;
  };

  static absl::StatusOr<State> TakeState(const SiteConfig& config, IdentityFiles& files);
  Daemon(const SiteConfig& config, IdentityFiles identity_files, State state,
         std::vector<std::string> work_command, TrainingHold* training);

  LinkOptions OptionsOfLink(const SiteConfig& config, const SiteCredentials& credentials);
  SessionOptions OptionsOfSession(const SiteConfig& config);
  /// Signs with `now` from the next round on; the link has it already.
  void Follow(const SiteCredentials& now);

  std::function<std::vector<v1::ServedModel>()> serving_;
  std::function<std::vector<v1::ModelDrift>()> drift_;
  // Each uses those above it alone: they are stopped and destroyed from the last to the first.
  Heartbeat session_life_;
  Heartbeat keeper_life_;
  IdentityFiles identity_files_;
  const std::unique_ptr<Spool> spool_;
  UnmaskFile unmasked_;
  const Availability availability_;
  TransferPace pace_;
  SiteIdentity identity_;
  ChildProcessWorker worker_;
  Link link_;
  IdentityKeeper keeper_;
  Session session_;
  std::thread keeping_;
  std::thread working_;
};

/// The daemon that `config` describes, until SIGINT or SIGTERM: what judges the machines, where
/// there are any, and the site's part in the federation. The first does not wait for the second,
/// which a certificate that has ended or a clock that is wrong may hold up. A change of the file's
/// [[source]] and [[output]] tables is followed while it runs. Called before the process starts a
/// thread.
absl::Status RunDaemon(const std::string& config_path, const SiteConfig& config,
                       const std::vector<std::string>& work_command,
                       const PredictorFactory& predictors);

}  // namespace millrace
