// SPDX-License-Identifier: Apache-2.0
#include "client/release/model_folder.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/crypto/digest.h"
#include "base/status.h"

namespace millrace {

ModelFolder::ModelFolder(FileSystem* files, const std::string& state_folder,
                         const std::string& name)
    : files_(files), folder_(absl::StrCat(state_folder, "/models/", name)) {}

absl::Status ModelFolder::Stage(absl::string_view package) {
  MR_RETURN_IF_ERROR(files_->CreateDirectories(folder_));
  return WriteFileDurably(files_, NextPath(), package);
}

absl::Status ModelFolder::TakeNext() {
  if (files_->Exists(InstallingPath())) return absl::OkStatus();
  MR_RETURN_IF_ERROR(files_->Rename(NextPath(), InstallingPath()));
  return files_->SyncDirectory(folder_);
}

absl::Status ModelFolder::Promote() {
  // Killed between the two renames, the folder has no current one, and it is installed anew.
  if (files_->Exists(CurrentPath())) {
    MR_RETURN_IF_ERROR(files_->Rename(CurrentPath(), PreviousPath()));
  }
  MR_RETURN_IF_ERROR(files_->Rename(InstallingPath(), CurrentPath()));
  return files_->SyncDirectory(folder_);
}

absl::Status ModelFolder::Refuse() {
  MR_RETURN_IF_ERROR(files_->Rename(InstallingPath(), RefusedPath()));
  return files_->SyncDirectory(folder_);
}

absl::Status ModelFolder::RollBack() {
  if (!files_->Exists(PreviousPath())) {
    return absl::NotFoundError(absl::StrCat(folder_, ": no version to go back to"));
  }
  if (files_->Exists(CurrentPath())) {
    MR_RETURN_IF_ERROR(files_->Rename(CurrentPath(), RefusedPath()));
  }
  MR_RETURN_IF_ERROR(files_->Rename(PreviousPath(), CurrentPath()));
  return files_->SyncDirectory(folder_);
}

absl::StatusOr<NewestVersion> ModelFolder::Newest() const {
  NewestVersion newest;
  if (!files_->Exists(NewestPath())) return newest;
  constexpr int64_t kMostBytes = 1000;
  MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(files_, NewestPath(), kMostBytes));
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::StripTrailingAsciiWhitespace(text), ' ');
  if (words.size() == 2 && absl::SimpleAtoi(words[0], &newest.version) && newest.version >= 0) {
    if (const absl::StatusOr<Digest> digest = Digest::FromHex(words[1]); digest.ok()) {
      newest.parameters_sha256 = digest->ToBytes();
      return newest;
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat(NewestPath(), ": cannot be read; write the newest version that has served and ",
                   "the digest of its parameters, or move it away to let any version serve"));
}

absl::Status ModelFolder::NoteVersion(const NewestVersion& served) {
  MR_ASSIGN_OR_RETURN(const NewestVersion newest, Newest());
  if (served.version <= newest.version) return absl::OkStatus();
  MR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(served.parameters_sha256));
  MR_RETURN_IF_ERROR(files_->CreateDirectories(folder_));
  return WriteFileDurably(files_, NewestPath(),
                          absl::StrCat(served.version, " ", digest.Hex(), "\n"));
}

}  // namespace millrace
