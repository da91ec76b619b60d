// SPDX-License-Identifier: Apache-2.0
#include "client/live/channel_table.h"

#include <utility>

#include "base/check.h"

namespace millrace {

ChannelTable::ChannelTable(std::vector<std::string> names) : names_(std::move(names)) {
  index_.reserve(names_.size());
  for (size_t i = 0; i < names_.size(); ++i) {
    MR_CHECK(index_.emplace(names_[i], static_cast<ChannelIndex>(i)).second);
  }
}

std::optional<ChannelIndex> ChannelTable::Find(absl::string_view name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

}  // namespace millrace
