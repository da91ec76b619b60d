// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "base/http_server.h"
#include "base/life_sign.h"
#include "base/steady_notification.h"
#include "client/capture_button.h"
#include "client/drift_board.h"
#include "client/inference/drift_tally.h"
#include "client/inference/machine_verdict.h"
#include "client/inference/scoring_workers.h"
#include "client/live/channel_table.h"
#include "client/live/live_clock.h"
#include "client/live/source_set.h"
#include "client/live_config.h"
#include "client/live_memory.h"
#include "client/live_recorder.h"
#include "client/output/live_metrics.h"
#include "client/output/outlet.h"
#include "client/prepared_models.h"
#include "client/recent_rows.h"
#include "client/relearning.h"
#include "client/release/releases.h"
#include "client/serving_guard.h"
#include "client/training/training_hold.h"

namespace millrace {

/// What a site's daemon does beside the machines, with or without a coordinator: sources read on
/// threads of their own, some threads score, one installs models.
class LiveService {
 public:
  /// `files` and `clock` outlive it. Models are in `state_folder`. UNAVAILABLE if an address is
  /// taken.
  static absl::StatusOr<std::unique_ptr<LiveService>> Create(const LiveConfig& config,
                                                             const std::string& state_folder,
                                                             PredictorFactory predictors,
                                                             FileSystem* files, LiveClock* clock);
  /// Stops.
  ~LiveService();

  /// Once. Takes until the models serve that did before, half a minute at most where recordings
  /// are read for one.
  void Start();
  /// Ends Start soon, which starts nothing then. Stop has to follow. From any thread.
  void Halt();
  void Stop();

  /// From now on these are the sources; those that were there already go on without a gap.
  void UseSources(const std::vector<SourceConfig>& sources) { sources_.Reconfigure(sources); }
  /// The same of outputs: all of these or, with an error, those that there were.
  absl::Status UseOutputs(const std::vector<OutputConfig>& outputs) {
    return outlet_->UseOutputs(outputs);
  }

  /// Beats while the scoring goes on, on every thread that scores.
  const Heartbeat* heart() const { return scoring_.heart(); }
  /// The models that judge, by name.
  std::vector<ServedModel> ServedModels() const { return releases_.ServedModels(); }
  /// What the coordinator is told of their machines' drift. From any thread, like the above.
  std::vector<v1::ModelDrift> DriftOfModels() const;
  /// What training is to pay heed to, so that serving comes first.
  TrainingHold* training() { return &training_; }
  /// 0: HTTP is not served.
  int http_port() const { return http_ == nullptr ? 0 : http_->port(); }

 private:
  LiveService(const LiveConfig& config, std::string state_folder, PredictorFactory predictors,
              FileSystem* files, LiveClock* clock);

  ScoringSinks Sinks();
  void InstallModels();
  void Save();
  // Of one machine on one thread at a time, of several at once.
  void Take(const MachineVerdict& verdict);
  void Take(const ChannelDrift& drift);
  LiveReading Reading();
  /// 200 as long as it answers, which is what is asked by whoever looks at nothing but the code.
  HttpAnswer Health() const;
  std::map<std::string, HttpServer::Page> Pages();
  std::map<std::string, HttpServer::Action> Actions();

  const LiveConfig config_;
  const std::string state_folder_;
  LiveClock* const clock_;

  LiveMetrics metrics_;
  TrainingHold training_;
  ServingGuard guard_;
  std::unique_ptr<Outlet> outlet_;
  const ChannelTable channels_;
  const std::unique_ptr<LiveRecorder> recorder_;  // none: nothing is recorded
  std::unique_ptr<CaptureButton> button_;         // none: it is not served
  LiveMemory memory_;
  RecentRows recent_;
  // By machine, of all that there are: each is its own thread's.
  std::map<std::string, Judgement> last_;
  ScoringWorkers scoring_;
  // The installing thread's.
  PreparedModels prepared_;
  Releases releases_;
  Relearning relearning_;
  SourceSet sources_;
  std::unique_ptr<HttpServer> http_;

  SteadyNotification stopping_;
  DriftBoard drift_;
  DriftTally drift_tally_;
  std::thread installing_;
};

}  // namespace millrace
