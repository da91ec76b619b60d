// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/random.h"
#include "base/steady_notification.h"
#include "client/live/modbus_config.h"
#include "client/live/source.h"
#include "client/live/source_record.h"
#include "client/live/stream_channels.h"

struct _modbus;

namespace millrace {

/// Asks a device for its registers, once a period. What it answers with an exception is NaN;
/// without an answer the connection is made again, after ever longer waits.
class ModbusSource final : public Source {
 public:
  /// `config` has passed ReadSourceConfigs.
  ModbusSource(const std::string& name, const ModbusConfig& config,
               const std::vector<ChannelRename>& renames, const SourceContext& context);

  void Run() override;
  void Stop() override;
  SourceStatus Status() const override { return record_.Status(); }

 private:
  struct Free {
    void operator()(_modbus* device) const;
  };
  using Device = std::unique_ptr<_modbus, Free>;

  /// One connection, until it fails or Stop; whether it was ever up.
  bool Connect();
  /// Until it fails or Stop.
  absl::Status PollOn(_modbus* device);
  absl::StatusOr<Device> Open() const;
  absl::Status Poll(_modbus* device);
  /// Reads and appends; what the device does not have is bad. UNAVAILABLE: the connection fails.
  absl::Status Take(_modbus* device, const RegisterRead& read, std::vector<Sample>* samples);
  /// What Stop is to shut; -1 before it is closed.
  void UseSocket(int socket);
  /// Reads into registers_. OUT_OF_RANGE for registers that the device does not have,
  /// FAILED_PRECONDITION for its other exceptions, UNAVAILABLE for anything else.
  absl::Status Read(_modbus* device, const RegisterRead& read);
  void Append(const RegisterRead& read, bool bad, std::vector<Sample>* samples) const;

  const ModbusConfig config_;
  const SourceContext context_;
  SourceRecord record_;
  std::vector<std::optional<ChannelIndex>> channels_;  // by point
  std::vector<RegisterRead> reads_;                    // of a poll
  int64_t planned_ns_ = 0;                             // when they were put together
  std::vector<uint16_t> registers_;
  Random random_;
  SteadyNotification stopped_;
  absl::Mutex mutex_;
  int socket_ ABSL_GUARDED_BY(mutex_) = -1;  // of the connection that polls; -1: none
};

}  // namespace millrace
