// SPDX-License-Identifier: Apache-2.0
// Blobs: model parameters and packages, immutable and named by the SHA-256 of their bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/crypto/digest.h"

namespace millrace {

/// An open blob. It stays readable when the blob is removed meanwhile. Thread-safe.
class BlobReader {
 public:
  virtual ~BlobReader() = default;
  virtual int64_t size() const = 0;
  /// Fills `out`; OUT_OF_RANGE when the blob ends before that.
  virtual absl::Status ReadAt(int64_t offset, std::span<char> out) = 0;
};

/// A blob while it is written. Destroyed before a successful Commit it leaves nothing behind.
/// Must not outlive its store. Not thread-safe.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  /// After a failure the writer is spent: FAILED_PRECONDITION from then on.
  virtual absl::Status Append(std::span<const char> data) = 0;
  /// Once OK the blob is on stable storage. After a failure the blob is absent or whole; write it
  /// again. To be called once.
  virtual absl::StatusOr<Digest> Commit() = 0;
};

/// A damaged blob that was set aside.
struct QuarantinedBlob {
  Digest digest;  // that its bytes should have
  int64_t bytes = 0;
};

/// Thread-safe. Writing the same bytes twice, at once or one after the other, is harmless.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  /// NOT_FOUND names the digest.
  virtual absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest) = 0;
  virtual bool Has(const Digest& digest) = 0;
  virtual absl::StatusOr<std::unique_ptr<BlobWriter>> NewWriter() = 0;
  /// OK if the blob is absent already. A crash may bring a removed blob back.
  virtual absl::Status Remove(const Digest& digest) = 0;
  /// Takes a damaged blob out of the store without destroying it: somebody may want to look at it.
  virtual absl::Status Quarantine(const Digest& digest) = 0;
  /// Those, with what they take; they are no blobs of List.
  virtual absl::StatusOr<std::vector<QuarantinedBlob>> ListQuarantine() = 0;
  /// Removes one of them for good.
  virtual absl::Status RemoveQuarantined(const Digest& digest) = 0;
  /// Every blob, in ascending order.
  virtual absl::StatusOr<std::vector<Digest>> List() = 0;
};

/// SHA-256 of the bytes that lie there now, read in pieces.
absl::StatusOr<Digest> DigestOf(BlobReader& blob);

/// The whole blob, checked against its name: DATA_LOSS when the bytes have changed on disk.
/// RESOURCE_EXHAUSTED beyond `max_bytes`.
absl::StatusOr<std::string> ReadBlob(BlobStore* blobs, const Digest& digest,
                                     int64_t max_bytes = int64_t{1} << 32);

absl::StatusOr<Digest> WriteBlob(BlobStore* blobs, absl::string_view data);

}  // namespace millrace
