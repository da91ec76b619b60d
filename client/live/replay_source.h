// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/steady_notification.h"
#include "client/live/file_config.h"
#include "client/live/source.h"
#include "client/live/source_record.h"
#include "client/live/stream_channels.h"

namespace millrace {

/// When which part of a recording is due. Not thread-safe.
class ReplayPace {
 public:
  /// `speed`: recorded seconds in a second; 0: everything is due at once.
  explicit ReplayPace(double speed) : speed_(speed) {}

  /// When the sample of `time_ns` is due, on the clock of `now_ns`. Where the recorded time steps
  /// back, or over a gap of more than ten seconds, the pace begins anew.
  int64_t Due(int64_t time_ns, int64_t now_ns);

 private:
  const double speed_;
  std::optional<int64_t> first_ns_;  // recorded time that the pace counts from
  int64_t last_ns_ = 0;              // the latest recorded time
  int64_t began_ns_ = 0;
};

/// Plays recordings at a speed. The queue is waited for, and nothing dropped.
class ReplaySource final : public Source {
 public:
  /// `config` has passed ReadSourceConfigs.
  ReplaySource(const std::string& name, const ReplayConfig& config,
               const std::vector<ChannelRename>& renames, const SourceContext& context);

  void Run() override;
  void Stop() override { stopped_.Notify(); }
  SourceStatus Status() const override { return record_.Status(); }

 private:
  absl::Status PlayAll();
  absl::Status Play(const std::string& path);
  /// False if it was stopped in between.
  bool Deliver(std::vector<Sample>* samples);

  const ReplayConfig config_;
  const SourceContext context_;
  SourceRecord record_;
  StreamChannels channels_;
  ReplayPace pace_;
  std::optional<int64_t> shift_ns_;  // that is added to time stamps
  bool played_something_ = false;    // since it began anew
  SteadyNotification stopped_;
};

}  // namespace millrace
