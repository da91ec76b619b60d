// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/steady_notification.h"
#include "client/live/file_config.h"
#include "client/live/file_version.h"
#include "client/live/seen_recordings.h"
#include "client/live/source.h"
#include "client/live/source_record.h"
#include "client/live/stream_channels.h"

namespace millrace {

/// Reads each recording that appears in a folder, once. It waits for the queue, since a recording
/// does not get older.
class RecordingsSource final : public Source {
 public:
  /// `config` has passed ReadSourceConfigs.
  RecordingsSource(const std::string& name, const RecordingsConfig& config,
                   const std::vector<ChannelRename>& renames, const SourceContext& context);

  void Run() override;
  void Stop() override { stopped_.Notify(); }
  SourceStatus Status() const override { return record_.Status(); }

 private:
  struct Waiting {
    FileVersion version;
    int64_t since_ns = 0;  // monotonic
  };

  absl::Status Look(SeenRecordings& seen);
  absl::StatusOr<std::set<std::string>> Names() const;
  /// Whether the file has been as it is now for long enough.
  bool IsWhole(const std::string& name, const FileVersion& version);
  /// False if it was stopped in between.
  absl::StatusOr<bool> Play(const std::string& path, const FileVersion& version);

  const RecordingsConfig config_;
  const SourceContext context_;
  SourceRecord record_;
  StreamChannels channels_;
  std::map<std::string, Waiting> waiting_;
  SteadyNotification stopped_;
};

}  // namespace millrace
