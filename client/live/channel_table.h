// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "client/live/sample.h"

namespace millrace {

/// The channels that a site knows, each by the name that its sources give it: "machine/channel",
/// for example "pump-1/current". Immutable; thread-safe.
class ChannelTable {
 public:
  /// `names` are different from each other.
  explicit ChannelTable(std::vector<std::string> names);

  std::optional<ChannelIndex> Find(absl::string_view name) const;
  const std::string& name(ChannelIndex channel) const { return names_[channel]; }
  ChannelIndex size() const { return static_cast<ChannelIndex>(names_.size()); }

 private:
  const std::vector<std::string> names_;
  absl::flat_hash_map<std::string, ChannelIndex> index_;
};

}  // namespace millrace
