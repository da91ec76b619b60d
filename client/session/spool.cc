// SPDX-License-Identifier: Apache-2.0
#include "client/session/spool.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr absl::string_view kModel = ".model";
constexpr absl::string_view kPartial = ".part";

bool SameRound(const v1::RoundId& a, const v1::RoundId& b) {
  return a.run() == b.run() && a.round() == b.round() && a.attempt() == b.attempt();
}

}  // namespace

absl::StatusOr<Digest> DigestOfFile(File* file) {
  constexpr int64_t kPiece = 1 << 20;
  MR_ASSIGN_OR_RETURN(const int64_t size, file->Size());
  std::vector<char> piece(std::min(kPiece, size));
  Sha256 hash;
  for (int64_t offset = 0; offset < size; offset += kPiece) {
    const std::span<char> part(piece.data(), std::min(kPiece, size - offset));
    MR_RETURN_IF_ERROR(file->ReadAt(offset, part));
    hash.Update(part);
  }
  return hash.Finish();
}

Spool::Spool(FileSystem* files, std::string folder) : files_(files), folder_(std::move(folder)) {}

absl::StatusOr<std::unique_ptr<Spool>> Spool::Create(FileSystem* files, std::string folder) {
  MR_RETURN_IF_ERROR(files->CreateDirectories(folder));
  return std::unique_ptr<Spool>(new Spool(files, std::move(folder)));
}

std::string Spool::ModelPath(const Digest& digest) const {
  return absl::StrCat(folder_, "/", digest.Hex(), kModel);
}
std::string Spool::PartialPath(const Digest& digest) const {
  return absl::StrCat(folder_, "/", digest.Hex(), kPartial);
}
std::string Spool::ClearPath() const { return absl::StrCat(folder_, "/update.clear"); }
std::string Spool::UpdatePath() const { return absl::StrCat(folder_, "/update"); }
std::string Spool::HeaderPath() const { return absl::StrCat(folder_, "/update.header"); }

void Spool::RemoveOthers(absl::string_view suffix, const std::string& kept) {
  const absl::StatusOr<std::vector<std::string>> names = files_->List(folder_);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const std::string path = absl::StrCat(folder_, "/", name);
    if (absl::EndsWith(name, suffix) && path != kept) Remove(path);
  }
}

std::optional<std::string> Spool::Model(const Digest& digest) {
  std::string path = ModelPath(digest);
  if (!files_->Exists(path)) return std::nullopt;
  if (const absl::Status status = CheckModel(path, digest); !status.ok()) {
    LogWarning("kept model dropped", {{"error", status.ToString()}});
    Remove(path);
    return std::nullopt;
  }
  return path;
}

absl::Status Spool::CheckModel(const std::string& path, const Digest& digest) const {
  MR_ASSIGN_OR_RETURN(const auto file, files_->Open(path, FileSystem::OpenMode::kRead));
  MR_ASSIGN_OR_RETURN(const Digest found, DigestOfFile(file.get()));
  if (found == digest) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("model ", digest.Hex(), ": what ", path, " holds is ",
                                          found.Hex(), "; it will be downloaded again"));
}

void Spool::Remove(const std::string& path) {
  const absl::Status status = files_->Remove(path);
  if (status.ok() || absl::IsNotFound(status)) return;
  LogWarning("spool not tidied", {{"error", status.ToString()}});
}

absl::StatusOr<std::unique_ptr<File>> Spool::OpenPartialModel(const Digest& digest) {
  MR_RETURN_IF_ERROR(files_->CreateDirectories(folder_));
  RemoveOthers(kPartial, PartialPath(digest));
  return files_->Open(PartialPath(digest), FileSystem::OpenMode::kCreate);
}

absl::StatusOr<std::string> Spool::KeepModel(const Digest& digest) {
  const std::string partial = PartialPath(digest);
  if (const absl::Status status = CheckModel(partial, digest); !status.ok()) {
    if (absl::IsDataLoss(status)) Remove(partial);
    return status;
  }
  // Not synced: what a power cut leaves of it is checked before it is used.
  MR_RETURN_IF_ERROR(files_->Rename(partial, ModelPath(digest)));
  RemoveOthers(kModel, ModelPath(digest));
  return ModelPath(digest);
}

absl::StatusOr<v1::UploadHeader> Spool::KeepUpdate(const v1::Assignment& assignment,
                                                   double weight) {
  MR_ASSIGN_OR_RETURN(const auto file, OpenUpdate());
  MR_RETURN_IF_ERROR(file->Sync());
  MR_ASSIGN_OR_RETURN(const int64_t size, file->Size());
  MR_ASSIGN_OR_RETURN(const Digest digest, DigestOfFile(file.get()));
  v1::UploadHeader header;
  *header.mutable_round() = assignment.id();
  header.set_sha256(digest.ToBytes());
  header.set_bytes(size);
  header.set_layout_sha256(assignment.layout_sha256());
  header.set_weight(weight);
  MR_RETURN_IF_ERROR(WriteFileDurably(files_, HeaderPath(), header.SerializeAsString()));
  return header;
}

std::optional<v1::UploadHeader> Spool::Update(const v1::RoundId& round) const {
  const absl::StatusOr<std::string> bytes = ReadFile(files_, HeaderPath());
  v1::UploadHeader header;
  if (!bytes.ok() || !header.ParseFromString(*bytes) || !SameRound(header.round(), round)) {
    return std::nullopt;
  }
  return header;
}

absl::StatusOr<std::unique_ptr<File>> Spool::OpenUpdate() const {
  return files_->Open(UpdatePath(), FileSystem::OpenMode::kRead);
}

absl::Status Spool::Mask(const std::function<absl::Status(File* clear, File* masked)>& mask) {
  {
    MR_ASSIGN_OR_RETURN(const auto clear, files_->Open(ClearPath(), FileSystem::OpenMode::kRead));
    MR_ASSIGN_OR_RETURN(const auto masked,
                        files_->Open(UpdatePath(), FileSystem::OpenMode::kCreate));
    MR_RETURN_IF_ERROR(masked->Truncate(0));
    MR_RETURN_IF_ERROR(mask(clear.get(), masked.get()));
  }
  return files_->Remove(ClearPath());
}

void Spool::DropUpdate() {
  for (const std::string& path : {HeaderPath(), UpdatePath(), ClearPath()}) {
    Remove(path);
    Remove(path + ".tmp");  // WriteFileDurably's, if it failed
  }
}

}  // namespace millrace
