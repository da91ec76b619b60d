// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/http_server.h"
#include "base/life_sign.h"
#include "base/steady_notification.h"
#include "client/live/live_clock.h"
#include "client/output/output.h"
#include "client/output/output_config.h"
#include "client/output/output_set.h"
#include "client/output/verdict_board.h"

namespace millrace {

/// Where verdicts go: the board for whoever asks, and the site's outputs. A thread of its own has
/// the heart beat for as long as the scoring goes on. Thread-safe but for its beginning and end.
class Outlet {
 public:
  /// Opens the outputs; UNAVAILABLE names the one whose address is taken. Nothing beats before
  /// Start. `clock` and `scoring`, which beats while the scoring goes on, outlive it.
  static absl::StatusOr<std::unique_ptr<Outlet>> Create(const std::vector<MachineConfig>& machines,
                                                        const HeartbeatConfig& heartbeat,
                                                        const std::vector<OutputConfig>& outputs,
                                                        const Heartbeat* scoring, LiveClock* clock);
  /// Stops.
  ~Outlet();

  /// Once.
  void Start();

  /// Waits for nobody.
  void Take(const MachineVerdict& verdict);

  /// From now on these are the outputs, as OutputSet::Reconfigure has it. FAILED_PRECONDITION where
  /// one is to tell of a machine that is not watched.
  absl::Status UseOutputs(const std::vector<OutputConfig>& outputs) {
    return outputs_.Reconfigure(outputs);
  }

  const VerdictBoard& board() const { return board_; }
  /// By name.
  std::map<std::string, OutputStatus> Statuses() const { return outputs_.Statuses(); }
  /// /verdicts, /verdicts/NAME, /heartbeat, /heartbeat/NAME.
  std::map<std::string, HttpServer::Page> Pages() const;

 private:
  Outlet(const std::vector<MachineConfig>& machines, const HeartbeatConfig& heartbeat,
         const Heartbeat* scoring, LiveClock* clock);
  void Run();

  const HeartbeatConfig heartbeat_;
  const Heartbeat* const scoring_;
  VerdictBoard board_;
  OutputSet outputs_;
  SteadyNotification stopped_;
  std::thread thread_;
};

}  // namespace millrace
