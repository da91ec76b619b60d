// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "base/random.h"
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
  void Stop() override { stopped_.Notify(); }
  SourceStatus Status() const override { return record_.Status(); }

 private:
  struct Free {
    void operator()(_modbus* device) const;
  };
  using Device = std::unique_ptr<_modbus, Free>;

  /// Polls over one connection until it fails or Stop; whether it was ever up.
  bool Connect();
  absl::StatusOr<Device> Open() const;
  absl::Status Poll(_modbus* device);
  /// Reads into registers_. OUT_OF_RANGE for registers that the device does not have,
  /// FAILED_PRECONDITION for its other exceptions, UNAVAILABLE for anything else.
  absl::Status Read(_modbus* device, const RegisterRead& read);
  void Append(const RegisterRead& read, bool bad, std::vector<Sample>* samples) const;

  const ModbusConfig config_;
  const SourceContext context_;
  SourceRecord record_;
  std::vector<std::optional<ChannelIndex>> channels_;  // by point
  std::vector<RegisterRead> reads_;
  std::vector<uint16_t> registers_;
  Random random_;
  absl::Notification stopped_;
};

}  // namespace millrace
