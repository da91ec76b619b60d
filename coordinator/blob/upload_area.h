// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/file_system.h"
#include "coordinator/blob/staged_upload.h"

namespace millrace {

/// Whose update of which try of a round.
struct UploadKey {
  std::string run;
  int64_t round = 0;
  int64_t attempt = 0;
  std::string site;
};

/// One try of a round that has updates on disk.
struct StagedRound {
  std::string run;
  int64_t round = 0;
  int64_t attempt = 0;
  auto operator<=>(const StagedRound&) const = default;
};

/// The updates of running rounds on disk, until they are folded and their round is committed:
///   <run>/<round>-<attempt>/<site>.part     an update that arrives
///   <run>/<round>-<attempt>/<site>.update   one that is whole, checked and durable
/// One process at a time owns the folder. Thread-safe; outlives its uploads.
class UploadArea {
 public:
  /// Makes the folder if it is missing. `files` outlives the area.
  static absl::StatusOr<std::unique_ptr<UploadArea>> Create(FileSystem* files, std::string folder);

  /// Begins an upload, or takes up one that a broken connection or a restart left: its bytes are
  /// read and checked again, at the speed of the hash.
  ///   INVALID_ARGUMENT  a name, the round or the declaration is not acceptable
  ///   UNAVAILABLE       this upload is still open; retry when the other call has ended
  ///   ALREADY_EXISTS    the site finished another update for this try of the round, which stands
  ///                     (or, if the declaration is the acknowledged one: the disk lost its bytes)
  absl::StatusOr<std::unique_ptr<StagedUpload>> Open(const UploadKey& key,
                                                     const UploadDeclaration& declaration);

  /// Drops what a site sent, whole or not. OK if there is nothing.
  absl::Status Remove(const UploadKey& key);

  /// Drops every upload of one try of a round. OK if there is none. Uploads that are still open
  /// can no longer finish. A crash may bring files back; discarding again is harmless.
  absl::Status DiscardRound(absl::string_view run, int64_t round, int64_t attempt);

  /// Every try of a round that has a folder here, whatever is in it. Names that are none of the
  /// area's are left out.
  absl::StatusOr<std::vector<StagedRound>> List();
  /// Bytes on disk of one try of a round, whole updates or not, by site.
  absl::StatusOr<std::map<std::string, int64_t>> StagedBytes(absl::string_view run, int64_t round,
                                                             int64_t attempt);
  /// True if a whole update of this length lies here.
  bool HasWhole(const UploadKey& key, int64_t bytes);
  /// Removes the folder of a run whose rounds were all discarded; nothing if something is in it. No
  /// upload of the run may begin meanwhile.
  void RemoveRun(absl::string_view run);

 private:
  UploadArea(FileSystem* files, std::string folder);

  FileSystem* const files_;
  const std::string folder_;
  std::mutex mutex_;
  std::set<std::string> open_;  // paths of open uploads; guarded by mutex_
};

}  // namespace millrace
