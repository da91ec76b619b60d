// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/file_system.h"
#include "client/inference/machine_config.h"
#include "client/inference/machine_verdict.h"

namespace millrace {

/// A channel that drifts, or learns anew by somebody's order.
struct DriftingChannel {
  ChannelDrift drift;    // as it was told last
  int64_t since_ns = 0;  // Unix time: of the suspicion that it began with, or of the order
};

/// What a daemon says of its machines' drift.
struct DriftingChannels {
  std::string detector;  // that suspects; empty: drift is not watched
  std::vector<DriftingChannel> channels;
};

/// From the file in the state folder. NOT_FOUND where no daemon has written one.
absl::StatusOr<DriftingChannels> ReadDriftingChannels(FileSystem* files,
                                                      const std::string& state_folder);

/// What drifts of a site's machines, and since when; in a file too, for who asks without the
/// daemon, and for the next start. Load and Save are for one thread at a time, the rest for any.
class DriftBoard {
 public:
  /// By machine and channel.
  using Drifts = std::map<std::pair<std::string, std::string>, ChannelDrift>;

  /// `files` outlives it.
  DriftBoard(const std::vector<MachineConfig>& machines, FileSystem* files,
             std::string state_folder);

  /// Before the first Take: since when what is recalled has drifted.
  void Load();
  void Take(const ChannelDrift& drift);
  /// The last of each channel whose state has changed.
  Drifts Latest() const;
  /// Writes what drifts, if that has changed; nothing where no drift is watched, and nothing of a
  /// daemon that does not come up, whose list is of before.
  void Save();

 private:
  using Key = std::pair<std::string, std::string>;

  const std::vector<MachineConfig> machines_;
  FileSystem* const files_;
  const std::string state_folder_;
  bool saved_ = true;  // the last time that it had to be

  mutable absl::Mutex mutex_;
  Drifts latest_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, DriftingChannel> drifting_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, int64_t> recalled_since_ns_ ABSL_GUARDED_BY(mutex_);  // from before the restart
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace millrace
