// SPDX-License-Identifier: Apache-2.0
#include "coordinator/blob/staged_upload.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr int64_t kReadChunk = int64_t{1} << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<StagedUpload>> StagedUpload::Open(
    FileSystem* files, UploadPlace place, const UploadDeclaration& declaration,
    std::shared_ptr<const void> lease) {
  std::unique_ptr<StagedUpload> upload(
      new StagedUpload(files, std::move(place), declaration, std::move(lease)));
  const bool whole = files->Exists(upload->place_.update_path);
  if (absl::Status taken = whole ? upload->TakeUpUpdate() : upload->TakeUpPart(); !taken.ok()) {
    return Annotate(taken, upload->place_.title);
  }
  return upload;
}

StagedUpload::StagedUpload(FileSystem* files, UploadPlace place,
                           const UploadDeclaration& declaration, std::shared_ptr<const void> lease)
    : files_(files),
      place_(std::move(place)),
      declaration_(declaration),
      lease_(std::move(lease)) {}

absl::Status StagedUpload::TakeUpPart() {
  MR_ASSIGN_OR_RETURN(file_, files_->Open(place_.part_path, FileSystem::OpenMode::kCreate));
  MR_ASSIGN_OR_RETURN(int64_t stored, file_->Size());
  if (stored > declaration_.size) stored = 0;  // of another declaration
  std::vector<char> buffer(std::min(stored, kReadChunk));
  while (size_ < stored) {
    const std::span<char> chunk(buffer.data(), std::min(stored - size_, kReadChunk));
    // Append lets no such value through and no disk should lose one: what cannot be read or is not
    // finite now was spoilt here, and the site sends it again.
    if (!file_->ReadAt(size_, chunk).ok()) break;
    FloatStream values = values_;
    if (!declaration_.masked && values.FindOutOfBound(chunk)) break;
    values_ = values;
    hash_.Update(chunk);
    size_ += std::ssize(chunk);
  }
  return file_->Truncate(size_);
}

absl::Status StagedUpload::TakeUpUpdate() {
  MR_ASSIGN_OR_RETURN(file_, files_->Open(place_.update_path, FileSystem::OpenMode::kRead));
  MR_ASSIGN_OR_RETURN(size_, file_->Size());
  std::vector<char> buffer(std::min(size_, kReadChunk));
  for (int64_t offset = 0; offset < size_; offset += kReadChunk) {
    const std::span<char> chunk(buffer.data(), std::min(size_ - offset, kReadChunk));
    MR_RETURN_IF_ERROR(file_->ReadAt(offset, chunk));
    hash_.Update(chunk);
  }
  if (const Digest found = hash_.Finish(); found != declaration_.digest) {
    return absl::AlreadyExistsError(absl::StrCat(
        "an update with SHA-256 ", found.Hex(), " is finished, ", declaration_.digest.Hex(),
        " is declared; a site sends one update for each attempt of a round"));
  }
  renamed_ = true;
  // The process may have died between the rename and the sync.
  MR_RETURN_IF_ERROR(SyncFolders());
  state_ = State::kFinished;
  file_.reset();
  return absl::OkStatus();
}

absl::Status StagedUpload::Append(int64_t offset, std::span<const char> bytes) {
  if (state_ != State::kArriving) {
    return absl::FailedPreconditionError(
        absl::StrCat(place_.title, ": takes no more bytes, it is ",
                     state_ == State::kDiscarded ? "discarded; open it again" : "complete"));
  }
  if (offset != size_) {
    return absl::AbortedError(
        absl::StrCat(place_.title, ": bytes from ", offset, ", expected offset ", size_));
  }
  if (std::ssize(bytes) > declaration_.size - size_) {
    return absl::InvalidArgumentError(absl::StrCat(place_.title, ": ", bytes.size(), " bytes from ",
                                                   offset, " go beyond the ", declaration_.size,
                                                   " declared"));
  }
  FloatStream values = values_;
  const std::optional<int64_t> element =
      declaration_.masked ? std::nullopt : values.FindOutOfBound(bytes);
  if (element) {
    return absl::InvalidArgumentError(absl::StrCat(
        place_.title, ": element ", *element,
        " is NaN, infinite or beyond 2^30; the site's training diverged, look at its log and "
        "learning rate"));
  }
  if (absl::Status written = file_->WriteAt(size_, bytes); !written.ok()) {
    // Gives the space of a half-written chunk back. Should that fail too, no harm is done: the
    // next Append overwrites it.
    file_->Truncate(size_).IgnoreError();
    return Annotate(written, place_.title);
  }
  hash_.Update(bytes);
  values_ = values;
  size_ += std::ssize(bytes);
  write_back_.Grown(file_.get(), size_);
  return absl::OkStatus();
}

absl::Status StagedUpload::Finish() {
  if (state_ == State::kFinished) return absl::OkStatus();
  if (state_ == State::kDiscarded) {
    return absl::FailedPreconditionError(
        absl::StrCat(place_.title, ": is discarded; open it again"));
  }
  if (size_ != declaration_.size) {
    return absl::FailedPreconditionError(absl::StrCat(
        place_.title, ": has ", size_, " of ", declaration_.size, " bytes; send the rest first"));
  }
  if (state_ == State::kArriving) {
    if (const Digest found = hash_.Finish(); found != declaration_.digest) {
      Discard();
      return absl::DataLossError(absl::StrCat(place_.title, ": its bytes have SHA-256 ",
                                              found.Hex(), ", declared was ",
                                              declaration_.digest.Hex(), "; send it again"));
    }
    if (absl::Status synced = file_->Sync(); !synced.ok()) {
      // The kernel may have dropped the pages that it could not write, and a second sync would
      // not tell: only sending again makes the bytes safe.
      Discard();
      return Annotate(synced, absl::StrCat(place_.title, ": discarded, send it again"));
    }
    state_ = State::kVerified;
  }
  if (!renamed_) {
    absl::Status renamed = files_->Rename(place_.part_path, place_.update_path);
    if (!renamed.ok()) return Annotate(renamed, place_.title);
    renamed_ = true;
  }
  if (absl::Status synced = SyncFolders(); !synced.ok()) return Annotate(synced, place_.title);
  state_ = State::kFinished;
  file_.reset();
  return absl::OkStatus();
}

absl::Status StagedUpload::ReadAt(int64_t offset, std::span<char> out) {
  if (offset < 0 || offset > size_ || std::ssize(out) > size_ - offset) {
    return absl::OutOfRangeError(absl::StrCat(place_.title, ": ", out.size(), " bytes from ",
                                              offset, " asked, it has ", size_));
  }
  if (state_ != State::kFinished) return file_->ReadAt(offset, out);
  MR_ASSIGN_OR_RETURN(const auto file,
                      files_->Open(place_.update_path, FileSystem::OpenMode::kRead));
  return file->ReadAt(offset, out);
}

absl::Status StagedUpload::SyncFolders() {
  for (const std::string& folder : place_.folders) {
    MR_RETURN_IF_ERROR(files_->SyncDirectory(folder));
  }
  return absl::OkStatus();
}

void StagedUpload::Discard() {
  // Emptied first: should the removal fail, the bytes must not be taken up again.
  file_->Truncate(0).IgnoreError();
  file_.reset();
  files_->Remove(place_.part_path).IgnoreError();
  size_ = 0;
  state_ = State::kDiscarded;
}

}  // namespace millrace
