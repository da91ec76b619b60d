// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

namespace millrace::testing {

/// A Modbus TCP device, by libmodbus, on a free port of the loopback: 100 of each kind, at 0.
class ModbusServer {
 public:
  static constexpr int kCount = 100;

  ModbusServer() { Start(); }
  ~ModbusServer() { Stop(); }

  int port() const { return port_; }
  void SetHolding(int address, uint16_t value);
  void SetInput(int address, uint16_t value);
  void SetCoil(int address, bool value);
  void SetDiscrete(int address, bool value);
  /// Holding registers that it has from now on, kCount at most; requests for others are refused.
  void SetHoldingCount(int count) { holding_count_ = count; }
  /// It takes requests and does not answer them.
  void SetSilent(bool silent) { silent_ = silent; }
  /// How many requests it has answered.
  int64_t answers() const { return answers_; }

  /// Closes all connections; Start is on the same port again.
  void Stop();
  void Start();

 private:
  void Serve(int listener);
  void Answer(int connection);

  std::mutex mutex_;
  std::array<uint16_t, kCount> holding_{}, input_{};
  std::array<uint8_t, kCount> coils_{}, discrete_{};
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> silent_ = false;
  std::atomic<int> holding_count_ = kCount;
  std::atomic<int64_t> answers_ = 0;
  std::thread thread_;
};

}  // namespace millrace::testing
