// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/file_system.h"
#include "client/store/segment.h"
#include "client/store/stored_rows.h"

namespace millrace {

/// A site's recordings: segments of checksummed blocks in one folder, appended to, the oldest gone
/// first when the quota is full. A segment that is damaged is renamed aside and counted; what
/// others hold stays. After a power cut what was synced is there, and the torn rest is cut off. Not
/// thread-safe.
class SampleStore {
 public:
  struct Limits {
    int64_t quota_bytes = int64_t{10} << 30;
    int64_t segment_bytes = int64_t{16} << 20;
    absl::Duration retention = absl::Hours(24 * 90);
  };

  /// What the store holds, and what happened to it since it was opened.
  struct Totals {
    int64_t segments = 0;
    int64_t blocks = 0;
    int64_t bytes = 0;       // damaged files included
    int64_t damaged = 0;     // files that lie aside
    int64_t dropped = 0;     // blocks that could not be written
    int64_t torn_bytes = 0;  // cut off when the store was opened
    int64_t removed = 0;     // segments that had to go
  };

  /// Opens the folder, or makes it. `files` outlives the store. An error is the disk's own; damage
  /// is none.
  static absl::StatusOr<std::unique_ptr<SampleStore>> Open(FileSystem* files, std::string folder,
                                                           const Limits& limits);

  /// Appends a block; durable after the next Sync that succeeds. If the disk is full, the oldest
  /// segment makes room. After an error the block is lost and the store as it was.
  absl::Status Append(const StoredRows& rows);
  absl::Status Sync();

  /// Removes segments whose newest row is older than the retention, at most two at a call, so that
  /// a clock that jumps ahead does not empty the store before somebody notices. Rows of more than
  /// a day ahead keep no segment.
  void Expire(absl::Time now);

  /// Calls `visit` with each block of the machine that has rows within [from_ns, to_ns), trimmed to
  /// them, by their time. One block is in memory at a time. What cannot be read as it was written
  /// is passed over.
  void Read(absl::string_view machine, int64_t from_ns, int64_t to_ns,
            const std::function<void(StoredRows)>& visit);

  Totals totals() const;
  /// Time of the oldest row; the largest int64 where there is none.
  int64_t oldest_ns() const;

 private:
  struct Segment {
    int64_t number = 0;
    int64_t bytes = 0;
    bool damaged = false;
    std::vector<BlockPlace> blocks;
  };

  SampleStore(FileSystem* files, std::string folder, const Limits& limits)
      : files_(files), folder_(std::move(folder)), limits_(limits) {}

  std::string PathOf(const Segment& segment) const;
  absl::Status Load();
  absl::Status LoadSegment(Segment segment, bool last);
  absl::Status StartSegment();
  void CloseSegment();
  absl::Status RemoveSegment(std::vector<Segment>::iterator segment);
  absl::Status RemoveOldest();
  /// In ascending order.
  std::vector<int64_t> NumbersOfOld(int64_t oldest_ns, int64_t latest_ns) const;
  absl::Status MakeRoom(int64_t bytes);
  absl::Status Write(EncodedBlock block);
  absl::Status TryAppend(const EncodedBlock& block);
  void PutAside(Segment& segment);
  absl::StatusOr<StoredRows> ReadOne(int64_t number, const BlockPlace& place);
  int64_t Bytes() const;

  FileSystem* const files_;
  const std::string folder_;
  const Limits limits_;
  std::vector<Segment> segments_;  // by ascending number
  std::unique_ptr<File> open_;     // the last of segments_, if it is appended to
  int64_t next_number_ = 1;
  int64_t dropped_ = 0;
  int64_t torn_bytes_ = 0;
  int64_t removed_ = 0;
};

}  // namespace millrace
