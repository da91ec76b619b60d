// SPDX-License-Identifier: Apache-2.0
#include "coordinator/blob/directory_blob_store.h"

#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "coordinator/blob/write_back.h"

namespace millrace {

class DirectoryBlobStore::Reader final : public BlobReader {
 public:
  Reader(std::unique_ptr<File> file, int64_t size, const Digest& digest)
      : file_(std::move(file)), size_(size), digest_(digest) {}

  int64_t size() const override { return size_; }

  absl::Status ReadAt(int64_t offset, std::span<char> out) override {
    if (offset < 0 || offset > size_ || std::ssize(out) > size_ - offset) {
      return absl::OutOfRangeError(absl::StrCat("blob ", digest_.Hex(), ": ", out.size(),
                                                " bytes from ", offset, " asked, it has ", size_));
    }
    const std::lock_guard lock(mutex_);  // a File is for one thread
    return file_->ReadAt(offset, out);
  }

 private:
  std::mutex mutex_;
  const std::unique_ptr<File> file_;  // guarded by mutex_
  const int64_t size_;
  const Digest digest_;
};

class DirectoryBlobStore::Writer final : public BlobWriter {
 public:
  Writer(DirectoryBlobStore* store, std::unique_ptr<File> file, std::string path)
      : store_(store), file_(std::move(file)), path_(std::move(path)) {}

  ~Writer() override {
    // A failure leaves the file to the next start, which clears the folder.
    if (!renamed_) store_->files_->Remove(path_).IgnoreError();
  }

  absl::Status Append(std::span<const char> data) override {
    MR_RETURN_IF_ERROR(Usable());
    if (absl::Status written = file_->WriteAt(size_, data); !written.ok()) {
      file_.reset();
      return written;
    }
    hash_.Update(data);
    size_ += std::ssize(data);
    write_back_.Grown(file_.get(), size_);
    return absl::OkStatus();
  }

  absl::StatusOr<Digest> Commit() override {
    MR_RETURN_IF_ERROR(Usable());
    const std::unique_ptr<File> file = std::move(file_);
    // A sync that failed once may succeed next time without having written anything (the kernel
    // drops the dirty pages), so there is no second try: the writer is spent.
    MR_RETURN_IF_ERROR(file->Sync());
    const Digest digest = hash_.Finish();
    const std::string path = store_->PathOf(digest);
    // Also when the blob exists: the same bytes replace themselves, and a damaged file heals.
    MR_RETURN_IF_ERROR(store_->files_->Rename(path_, path));
    renamed_ = true;
    MR_RETURN_IF_ERROR(store_->files_->SyncDirectory(DirectoryOf(path)));
    return digest;
  }

 private:
  absl::Status Usable() const {
    if (file_ != nullptr) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("blob ", path_, ": its writer has failed or committed; write it anew"));
  }

  DirectoryBlobStore* const store_;
  std::unique_ptr<File> file_;  // null once failed or committed
  const std::string path_;
  Sha256 hash_;
  WriteBack write_back_;
  int64_t size_ = 0;
  bool renamed_ = false;
};

absl::StatusOr<std::unique_ptr<DirectoryBlobStore>> DirectoryBlobStore::Create(FileSystem* files,
                                                                               std::string folder) {
  std::unique_ptr<DirectoryBlobStore> store(new DirectoryBlobStore(files, std::move(folder)));
  if (absl::Status prepared = store->PrepareFolder(); !prepared.ok()) {
    return Annotate(prepared, absl::StrCat("blob folder ", store->folder_));
  }
  return store;
}

DirectoryBlobStore::DirectoryBlobStore(FileSystem* files, std::string folder)
    : files_(files), folder_(std::move(folder)) {}

absl::Status DirectoryBlobStore::PrepareFolder() {
  // All folders exist durably from here on, so that a commit has a single one to sync.
  for (int first = 0; first < 256; ++first) {
    MR_RETURN_IF_ERROR(files_->CreateDirectories(absl::StrFormat("%s/%02x", folder_, first)));
  }
  const std::string incoming = absl::StrCat(folder_, "/incoming");
  MR_RETURN_IF_ERROR(files_->CreateDirectories(incoming));
  MR_RETURN_IF_ERROR(files_->SyncDirectory(folder_));
  MR_RETURN_IF_ERROR(files_->SyncDirectory(DirectoryOf(folder_)));

  MR_ASSIGN_OR_RETURN(const auto leftovers, files_->List(incoming));
  for (const std::string& name : leftovers) {
    MR_RETURN_IF_ERROR(files_->Remove(absl::StrCat(incoming, "/", name)));
  }
  return absl::OkStatus();
}

std::string DirectoryBlobStore::PathOf(const std::string& folder, const Digest& digest) {
  const std::string name = digest.Hex();
  return absl::StrCat(folder, "/", name.substr(0, 2), "/", name);
}

std::string DirectoryBlobStore::PathOf(const Digest& digest) const {
  return PathOf(folder_, digest);
}

absl::StatusOr<std::unique_ptr<BlobReader>> DirectoryBlobStore::Open(const Digest& digest) {
  auto file = files_->Open(PathOf(digest), FileSystem::OpenMode::kRead);
  if (!file.ok()) return Annotate(file.status(), absl::StrCat("blob ", digest.Hex()));
  MR_ASSIGN_OR_RETURN(const int64_t size, (*file)->Size());
  return std::make_unique<Reader>(*std::move(file), size, digest);
}

bool DirectoryBlobStore::Has(const Digest& digest) { return files_->Exists(PathOf(digest)); }

absl::StatusOr<std::unique_ptr<BlobWriter>> DirectoryBlobStore::NewWriter() {
  std::string path = absl::StrCat(folder_, "/incoming/", writers_.fetch_add(1));
  MR_ASSIGN_OR_RETURN(auto file, files_->Open(path, FileSystem::OpenMode::kCreate));
  return std::make_unique<Writer>(this, std::move(file), std::move(path));
}

absl::Status DirectoryBlobStore::Remove(const Digest& digest) {
  absl::Status removed = files_->Remove(PathOf(digest));
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

absl::Status DirectoryBlobStore::Quarantine(const Digest& digest) {
  const std::string folder = QuarantineFolder();
  MR_RETURN_IF_ERROR(files_->CreateDirectories(folder));
  MR_RETURN_IF_ERROR(files_->Rename(PathOf(digest), QuarantinePathOf(digest)));
  MR_RETURN_IF_ERROR(files_->SyncDirectory(folder));
  return files_->SyncDirectory(DirectoryOf(PathOf(digest)));
}

absl::StatusOr<std::vector<QuarantinedBlob>> DirectoryBlobStore::ListQuarantine() {
  std::vector<QuarantinedBlob> damaged;
  const auto names = files_->List(QuarantineFolder());
  if (absl::IsNotFound(names.status())) return damaged;
  MR_RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    const auto digest = Digest::FromHex(name);
    if (!digest.ok() || digest->Hex() != name) continue;  // not ours
    MR_ASSIGN_OR_RETURN(const auto file,
                        files_->Open(QuarantinePathOf(*digest), FileSystem::OpenMode::kRead));
    MR_ASSIGN_OR_RETURN(const int64_t bytes, file->Size());
    damaged.push_back({*digest, bytes});
  }
  return damaged;
}

absl::Status DirectoryBlobStore::RemoveQuarantined(const Digest& digest) {
  return files_->Remove(QuarantinePathOf(digest));
}

absl::StatusOr<std::vector<Digest>> DirectoryBlobStore::List() {
  std::vector<Digest> digests;
  for (int first = 0; first < 256; ++first) {
    MR_ASSIGN_OR_RETURN(const auto names, files_->List(absl::StrFormat("%s/%02x", folder_, first)));
    for (const std::string& name : names) {
      // Anything else, say a file that an administrator dropped here, is not ours.
      const auto digest = Digest::FromHex(name);
      if (digest.ok() && digest->Hex() == name) digests.push_back(*digest);
    }
  }
  return digests;
}

}  // namespace millrace
