// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "client/live/channel_table.h"
#include "client/live/source_record.h"

namespace millrace {

/// What a source calls a channel, and what the site does.
struct ChannelRename {
  std::string from;  // "machine/channel" as the source has it
  std::string to;    // "machine/channel" of the site's table

  bool operator==(const ChannelRename&) const = default;
};

/// One source's way from names in its stream to the site's channels. Not thread-safe.
class StreamChannels {
 public:
  /// `table` and `record` outlive the object.
  StreamChannels(const ChannelTable* table, const std::vector<ChannelRename>& renames,
                 SourceRecord* record);

  /// None, counted in the record as `values` values that are lost, if the site does not know it.
  std::optional<ChannelIndex> Find(absl::string_view machine, absl::string_view channel,
                                   int64_t values);

 private:
  const ChannelTable* const table_;
  SourceRecord* const record_;
  absl::flat_hash_map<std::string, std::string> renames_;
  std::string name_;  // kept for its memory
};

}  // namespace millrace
