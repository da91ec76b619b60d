// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace millrace::testing {

/// A Modbus TCP device, on a free port of the loopback, that answers each request with the next of
/// several lies: another transaction's number, another unit's, another function's, too few
/// registers, a length that is wrong either way, noise, half an answer.
class LyingDevice {
 public:
  LyingDevice();
  ~LyingDevice();

  int port() const { return port_; }
  /// How many lies it has told; there are kLies of them, told in turn.
  static constexpr int kLies = 8;
  int64_t told() const { return told_; }

 private:
  void Serve();
  void Answer(int connection);

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int64_t> told_ = 0;
  std::thread thread_;
};

}  // namespace millrace::testing
