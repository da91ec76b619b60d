// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "coordinator/blob/blob_store.h"

namespace millrace {

/// Blobs as files of one folder:
///   ab/<64 hexadecimal digits>   a blob, under the first two digits of its name
///   incoming/<n>                 a blob while it is written
///   quarantine/<64 digits>       one that was found damaged
/// One process at a time owns the folder. Over a MemoryFileSystem it is the store of simulations.
class DirectoryBlobStore final : public BlobStore {
 public:
  /// Makes the folder if it is missing and removes what writers left when the process last died.
  /// `files` outlives the store.
  static absl::StatusOr<std::unique_ptr<DirectoryBlobStore>> Create(FileSystem* files,
                                                                    std::string folder);

  /// Where a blob lies below `folder`, for those who may not own the folder.
  static std::string PathOf(const std::string& folder, const Digest& digest);

  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest) override;
  bool Has(const Digest& digest) override;
  absl::StatusOr<std::unique_ptr<BlobWriter>> NewWriter() override;
  absl::Status Remove(const Digest& digest) override;
  absl::Status Quarantine(const Digest& digest) override;
  absl::StatusOr<std::vector<QuarantinedBlob>> ListQuarantine() override;
  absl::Status RemoveQuarantined(const Digest& digest) override;
  absl::StatusOr<std::vector<Digest>> List() override;

 private:
  class Reader;
  class Writer;

  DirectoryBlobStore(FileSystem* files, std::string folder);
  absl::Status PrepareFolder();
  std::string PathOf(const Digest& digest) const;
  std::string QuarantineFolder() const { return folder_ + "/quarantine"; }
  std::string QuarantinePathOf(const Digest& digest) const {
    return QuarantineFolder() + "/" + digest.Hex();
  }

  FileSystem* const files_;
  const std::string folder_;
  std::atomic<int64_t> writers_ = 0;
};

}  // namespace millrace
