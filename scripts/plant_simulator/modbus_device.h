// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "scripts/plant_simulator/plant_feed.h"

struct _modbus;

namespace millrace {

/// The machines as Modbus TCP devices behind one address: unit m is machine m, and channel c's
/// newest value a float32, the high word first, in the holding and the input registers 2 c and
/// 2 c + 1. NaN where the sensor says nothing. One thread answers all peers.
class ModbusDevice final : public PlantFeed {
 public:
  static constexpr size_t kMostMachines = 247;  // units that the protocol has
  static constexpr size_t kMostPeers = 64;

  /// Listens on 127.0.0.1, on a free port where `port` is 0. UNAVAILABLE if the port is taken;
  /// INVALID_ARGUMENT for more machines than units, or channels than registers.
  static absl::StatusOr<std::unique_ptr<ModbusDevice>> Listen(int port, size_t machines,
                                                              size_t channels);
  ~ModbusDevice() override;

  absl::Status Take(const PlantBlock& block) override;
  int port() const { return port_; }

 private:
  struct Free {
    void operator()(_modbus* device) const;
  };

  ModbusDevice(size_t machines, size_t channels);
  void Serve();
  /// False: the peer is gone.
  bool Answer(int peer);

  std::unique_ptr<_modbus, Free> device_;
  int listener_ = -1;
  int port_ = 0;
  absl::Mutex mutex_;
  std::vector<std::vector<uint16_t>> registers_ ABSL_GUARDED_BY(mutex_);  // by machine
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace millrace
