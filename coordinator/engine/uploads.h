// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/blob/upload_area.h"
#include "coordinator/round/types.h"
#include "coordinator/round/update.h"

namespace millrace {

/// One site's update on its way in, shared by the calls that bring it and the fold that reads it.
/// Thread-safe. Of calls that hash or sync the whole of it one is under way at a time: a second one
/// is UNAVAILABLE, with when to try again, so that no site keeps threads waiting for its own disk
/// work.
class Upload {
 public:
  Upload(UpdateClaim claim, const Digest& digest);

  const UpdateClaim& claim() const { return claim_; }
  const Digest& digest() const { return digest_; }

  /// Takes up what lies in `area`, at the speed of the hash, once. For whoever has claimed it; the
  /// claim ends, unless it fails and the object is of no use. As UploadArea::Open's.
  absl::Status Open(UploadArea* area);
  // These do not wait for a call that is under way.
  bool is_open() const { return opened_; }
  int64_t received() const { return received_; }
  bool finished() const { return finished_; }
  // As StagedUpload's.
  absl::Status Append(int64_t offset, std::span<const char> bytes);
  absl::Status Finish();
  absl::Status ReadAt(int64_t offset, std::span<char> out);
  /// Keeps other calls from it until Open or Close; false where one hashes or syncs it.
  bool Claim() { return !claimed_.exchange(true); }
  /// What to tell whoever could not claim it.
  absl::Status IsBusy() const;
  /// Gives the place up, whoever still holds the object: what they call is ABORTED from then on.
  void Close();
  /// Elements [offset, offset + count) of the vector.
  absl::StatusOr<std::vector<float>> ReadFloats(int64_t offset, int64_t count);
  /// L2 norm of the first `count` elements.
  absl::StatusOr<double> Norm(int64_t count);

 private:
  absl::Status Replaced() const;

  const UpdateClaim claim_;
  const Digest digest_;
  std::atomic<bool> claimed_ = true;  // by a call that holds the lock for long: Open's at first
  std::atomic<bool> opened_ = false;
  std::atomic<bool> finished_ = false;
  std::atomic<int64_t> received_ = 0;
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<StagedUpload> staged_ ABSL_GUARDED_BY(mutex_);  // null before Open, after Close
};

/// The updates of open rounds. Thread-safe; what one site's upload takes holds up no other's.
class Uploads {
 public:
  /// `area` outlives the object. At most `max_bytes` are promised to uploads at once; 0: no bound.
  explicit Uploads(UploadArea* area, int64_t max_bytes = 0) : area_(area), max_bytes_(max_bytes) {}

  /// Counts what lies on disk of an open round, from before a restart, against the bound until its
  /// site takes it up or the round is over.
  absl::Status CountStaged(const RoundId& round);
  /// The upload of this claim, with what has arrived of it. Another digest than before replaces an
  /// upload that is not finished; ALREADY_EXISTS if it is, UNAVAILABLE for a moment while it is
  /// taken up or being finished by another call. RESOURCE_EXHAUSTED, until other rounds
  /// are over, if its bytes go beyond what may be staged.
  absl::StatusOr<std::shared_ptr<Upload>> Begin(const UpdateClaim& claim, const Digest& digest);
  /// FAILED_PRECONDITION, naming round and site, if it has not begun.
  absl::StatusOr<std::shared_ptr<Upload>> Find(const RoundId& round, const std::string& site);
  /// An update that the store says is in, after a restart too: DATA_LOSS if the disk lost it.
  absl::StatusOr<std::shared_ptr<Upload>> FindAccepted(const RoundId& round,
                                                       const Contribution& contribution,
                                                       bool masked);
  /// Forgets one site's upload, on disk as well.
  void Remove(const RoundId& round, const std::string& site);
  /// Forgets a round's uploads, on disk as well.
  void DiscardRound(const RoundId& round);

 private:
  using Key = std::pair<RoundId, std::string>;

  absl::StatusOr<std::shared_ptr<Upload>> Take(const UpdateClaim& claim, const Digest& digest,
                                               int64_t max_bytes);
  /// To all but this one.
  int64_t PromisedBeside(const Key& key) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  UploadArea* const area_;
  const int64_t max_bytes_;
  absl::Mutex mutex_;
  std::map<Key, std::shared_ptr<Upload>> uploads_ ABSL_GUARDED_BY(mutex_);
  // What CountStaged found. It stays when the site takes it up, which may fail; `uploads_` counts
  // then.
  std::map<Key, int64_t> staged_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
