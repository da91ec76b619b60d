// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/random.h"
#include "client/live/live_clock.h"
#include "client/live/mqtt_connection.h"
#include "client/output/backlog.h"
#include "client/output/output.h"
#include "client/output/output_config.h"

namespace millrace {

/// Publishes verdicts and heartbeats at a broker, on a thread of its own. While the broker is away
/// verdicts wait, alarms go last where there is no room, and it is tried again after ever longer
/// waits. A heartbeat waits until the broker's machine has got all that went before, and gives way
/// to the next one; verdicts wait behind it. The status topic says "online",
/// or, when the daemon ends or is gone, "offline": the connection's last will.
class MqttOutput final : public Output {
 public:
  /// `config` has passed ReadOutputs; `clock` outlives it.
  MqttOutput(std::string name, const MqttOutputConfig& config, LiveClock* clock);
  ~MqttOutput() override;

  void TakeOver(std::vector<Backlog::Message> waiting) override;
  void Halt() override;
  std::vector<Backlog::Message> GiveUp() override;
  void Take(const MachineVerdict& verdict) override;
  void Beat(const VerdictBoard& board) override;
  OutputStatus Status() const override;

 private:
  using Message = Backlog::Message;

  void Run();
  /// One connection from its beginning to its end, or until it is to stop. Whether it was ever up.
  bool Connect();
  absl::Status Serve(MqttConnection& connection);
  /// Publishes what waits, as far as the broker keeps up.
  absl::Status Send(MqttConnection& connection);
  /// Whether a beat waits for the broker to get what went before it.
  bool BeatsWait(const MqttConnection& connection) const;
  void Confirmed(int number);
  /// What the broker has not confirmed waits again.
  void TakeBack();
  void SayOffline(MqttConnection& connection);
  void Tell(absl::Status state);

  const std::string name_;
  const MqttOutputConfig config_;
  const std::string client_id_;  // of its own: the broker knows who comes back
  LiveClock* const clock_;
  Random random_;                       // the thread's
  std::map<int, Message> unconfirmed_;  // by number; the thread's
  bool connected_before_ = false;       // the thread's

  // The waits of absl's own mutex end at a date, and go on for as long as the machine's is set
  // back.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Backlog verdicts_;            // it and what follows are guarded by mutex_
  std::vector<Message> beats_;  // of the last beat
  OutputStatus status_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace millrace
