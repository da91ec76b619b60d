// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/steady_notification.h"
#include "client/inference/machine_config.h"
#include "client/live/live_clock.h"
#include "client/output/modbus_frame.h"
#include "client/output/output.h"
#include "client/output/output_config.h"
#include "client/output/verdict_registers.h"

struct _modbus;

namespace millrace {

/// A Modbus TCP device whose registers are verdicts: holding and input registers, the same, to be
/// read only. One thread answers all peers and waits for none of them; one that asks nothing for a
/// minute is let go, and where there are kMostPeers the longest silent one makes room for the next.
class ModbusOutput final : public Output {
 public:
  static constexpr size_t kMostPeers = 16;

  /// Listens. UNAVAILABLE if the address is taken or not this machine's. `kinds` have the machines'
  /// channels; `clock` outlives it.
  static absl::StatusOr<std::unique_ptr<ModbusOutput>> Listen(
      const ModbusOutputConfig& config, const std::vector<MachineConfig>& kinds, LiveClock* clock);
  ~ModbusOutput() override;

  void Take(const MachineVerdict& verdict) override;
  void Beat(const VerdictBoard& board) override;
  OutputStatus Status() const override;
  int port() const { return port_; }

 private:
  struct Peer {
    int socket = -1;
    int64_t asked_ns = 0;  // monotonic
    std::vector<uint8_t> received;
  };
  struct Free {
    void operator()(_modbus* device) const;
  };

  ModbusOutput(const ModbusOutputConfig& config, const std::vector<MachineConfig>& kinds,
               LiveClock* clock);
  absl::Status Open(const ModbusOutputConfig& config);
  void Run();
  void Welcome();
  /// Takes what has come and answers it; false: the peer is done.
  bool Hear(Peer& peer);
  bool Answer(const Peer& peer, std::vector<uint8_t> request, const Frame& frame);
  bool Refuse(const Peer& peer, std::vector<uint8_t> request, unsigned exception);
  void LetGo(Peer& peer);

  LiveClock* const clock_;
  std::unique_ptr<_modbus, Free> device_;
  int listener_ = -1;
  int port_ = 0;
  std::vector<Peer> peers_;  // the thread's

  mutable absl::Mutex mutex_;
  VerdictRegisters registers_ ABSL_GUARDED_BY(mutex_);
  OutputStatus status_ ABSL_GUARDED_BY(mutex_);
  SteadyNotification stopped_;
  std::thread thread_;
};

}  // namespace millrace
