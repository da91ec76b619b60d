// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "client/capture/capture.h"
#include "client/capture/capture_config.h"
#include "client/capture/capture_folder.h"
#include "client/store/store_writer.h"

namespace millrace {

/// What has become of captures since the start.
struct CaptureCounts {
  std::array<int64_t, kCaptureTriggers> taken = {};
  int64_t bytes = 0;  // of those taken
  int64_t lost = 0;   // called for, but of no rows or too large
};

/// Cuts captures out of a site's recordings once their last row has come. What was called for is on
/// the disk before that, and is cut after a restart all the same. Not thread-safe.
class CaptureKeeper {
 public:
  /// `files` and `recordings` outlive it.
  CaptureKeeper(const CaptureConfig& config, FileSystem* files, StoreWriter* recordings)
      : config_(config), folder_(files, config.folder), recordings_(recordings) {}

  /// Finds what was called for before the restart. To be called until it succeeds.
  absl::Status Load(int64_t monotonic_ns);

  /// Notes what calls for a capture; what is kept is chosen here. Durable when this succeeds. One
  /// of the same rows and trigger is not taken twice.
  absl::Status Announce(CaptureEvent event, int64_t monotonic_ns);
  /// The operator's button: what the machine does now; `now_ns` for one that says nothing.
  absl::Status Press(const CaptureFolder::RequestNote& request, int64_t now_ns,
                     int64_t monotonic_ns);
  /// What the operator asks for in the folder, of these machines alone.
  absl::Status TakeRequests(const std::vector<std::string>& machines, int64_t now_ns,
                            int64_t monotonic_ns);
  /// Takes those whose rows are there, or do not come. An error lasts until what it was of is tried
  /// again.
  absl::Status Work(int64_t monotonic_ns);

  const CaptureCounts& counts() const { return counts_; }
  int64_t waiting() const { return std::ssize(waiting_); }

 private:
  struct Waiting {
    CaptureEvent event;
    int64_t until_ns = 0;  // monotonic: what has not come by then does not come
    int64_t retry_ns = 0;  // monotonic: after a disk that failed, not before
    absl::Status failed;   // what it said
  };

  int64_t PatienceNs() const;
  absl::Status Take(const CaptureEvent& event);

  const CaptureConfig config_;
  CaptureFolder folder_;
  StoreWriter* const recordings_;
  std::vector<Waiting> waiting_;
  CaptureCounts counts_;
};

}  // namespace millrace
