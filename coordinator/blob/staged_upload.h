// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/crypto/digest.h"
#include "base/file_system.h"
#include "coordinator/blob/float_stream.h"
#include "coordinator/blob/write_back.h"

namespace millrace {

/// What a site says of its update before it sends it.
struct UploadDeclaration {
  int64_t size = 0;  // bytes, positive; of floats a multiple of 4
  Digest digest;
  bool masked = false;  // any bits may come; otherwise float32 values that can be aggregated
};

/// Where an upload lies and what messages call it.
struct UploadPlace {
  std::string part_path;    // while it arrives
  std::string update_path;  // once it is whole
  // The folders whose entries lead to the file, to be synced before it counts as durable.
  std::string folders[3];
  std::string title;  // "upload of site press-7, run bearings, round 41, attempt 1"
};

/// One site's update, a flat vector of little-endian float32, while it arrives and afterwards.
/// Made by UploadArea. Not thread-safe.
///
/// What the file holds is always a prefix of what the site sent. A restart resumes behind it; a
/// power cut may have spoilt it, which the digest tells in Finish.
class StagedUpload {
 public:
  /// Takes up what the disk holds. `lease` is released with the upload. See UploadArea::Open.
  static absl::StatusOr<std::unique_ptr<StagedUpload>> Open(FileSystem* files, UploadPlace place,
                                                            const UploadDeclaration& declaration,
                                                            std::shared_ptr<const void> lease);

  /// Bytes accepted: the only offset that Append takes.
  int64_t size() const { return size_; }
  int64_t declared_size() const { return declaration_.size; }
  bool finished() const { return state_ == State::kFinished; }

  /// Takes the next bytes, all or none.
  ///   ABORTED              `offset` is not size(), which the message names: go on from there
  ///   FAILED_PRECONDITION  the upload is finished
  ///   INVALID_ARGUMENT     beyond the declared size, or a value that is NaN, infinite or at least
  ///                        kUpdateBound
  ///   RESOURCE_EXHAUSTED, UNAVAILABLE  the disk; resume at size()
  absl::Status Append(int64_t offset, std::span<const char> bytes);

  /// Once OK the update is whole, on stable storage and immutable: it may be acknowledged.
  /// Finishing again is harmless.
  ///   FAILED_PRECONDITION  bytes are missing
  ///   DATA_LOSS            the digest is not the declared one; the bytes are gone, open and send
  ///                        the update again
  ///   UNAVAILABLE, RESOURCE_EXHAUSTED  the disk; finish again, or where the message says that the
  ///                        upload was discarded, open and send it again
  absl::Status Finish();

  /// Fills `out` from accepted bytes; OUT_OF_RANGE beyond them. A finished upload keeps no file
  /// open between reads: a round may have more updates than a process may have files.
  absl::Status ReadAt(int64_t offset, std::span<char> out);

 private:
  enum class State {
    kArriving,
    kVerified,   // the digest is right; perhaps renamed, not yet durable
    kFinished,   // durable
    kDiscarded,  // no file any more
  };

  StagedUpload(FileSystem* files, UploadPlace place, const UploadDeclaration& declaration,
               std::shared_ptr<const void> lease);

  absl::Status TakeUpPart();
  absl::Status TakeUpUpdate();
  absl::Status SyncFolders();
  void Discard();

  FileSystem* const files_;
  const UploadPlace place_;
  const UploadDeclaration declaration_;
  const std::shared_ptr<const void> lease_;
  std::unique_ptr<File> file_;  // null once finished or discarded
  State state_ = State::kArriving;
  bool renamed_ = false;
  int64_t size_ = 0;
  Sha256 hash_;         // over the first size_ bytes; spent once verified
  FloatStream values_;  // likewise
  WriteBack write_back_;
};

}  // namespace millrace
