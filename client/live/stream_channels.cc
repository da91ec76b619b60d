// SPDX-License-Identifier: Apache-2.0
#include "client/live/stream_channels.h"

namespace millrace {

StreamChannels::StreamChannels(const ChannelTable* table, const std::vector<ChannelRename>& renames,
                               SourceRecord* record)
    : table_(table), record_(record) {
  for (const ChannelRename& rename : renames) renames_.emplace(rename.from, rename.to);
}

std::optional<ChannelIndex> StreamChannels::Find(absl::string_view machine,
                                                 absl::string_view channel, int64_t values) {
  name_.assign(machine.data(), machine.size());
  name_.push_back('/');
  name_.append(channel.data(), channel.size());
  absl::string_view name = name_;
  if (!renames_.empty()) {
    if (const auto found = renames_.find(name); found != renames_.end()) name = found->second;
  }
  const std::optional<ChannelIndex> index = table_->Find(name);
  if (!index) record_->Unknown(machine, channel, values);
  return index;
}

}  // namespace millrace
