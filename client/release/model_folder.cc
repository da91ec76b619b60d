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
namespace {

constexpr int64_t kMostTries = 3;
constexpr int64_t kMostBytesOfANote = 1000;

}  // namespace

ModelFolder::ModelFolder(FileSystem* files, const std::string& state_folder,
                         const std::string& name)
    : files_(files), folder_(absl::StrCat(state_folder, "/models/", name)) {}

absl::Status ModelFolder::Stage(absl::string_view package) {
  MR_RETURN_IF_ERROR(files_->CreateDirectories(folder_));
  return WriteFileDurably(files_, NextPath(), package);
}

absl::Status ModelFolder::TakeNext() {
  if (!HasStaged()) return absl::OkStatus();
  MR_RETURN_IF_ERROR(EndTrial());
  MR_RETURN_IF_ERROR(files_->Rename(NextPath(), InstallingPath()));
  return files_->SyncDirectory(folder_);
}

absl::Status ModelFolder::Promote(Former former) {
  // Killed between the two renames, the folder has no current one: RollBack brings it back.
  if (former == Former::kKeep && files_->Exists(CurrentPath())) {
    MR_RETURN_IF_ERROR(files_->Rename(CurrentPath(), PreviousPath()));
  }
  MR_RETURN_IF_ERROR(files_->Rename(InstallingPath(), CurrentPath()));
  return files_->SyncDirectory(folder_);
}

absl::Status ModelFolder::Refuse() {
  MR_RETURN_IF_ERROR(EndTrial());
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
  // Now, while there is no current one that the count could be taken to be of.
  if (CurrentIsOnTrial()) MR_RETURN_IF_ERROR(EndTrial());
  MR_RETURN_IF_ERROR(files_->Rename(PreviousPath(), CurrentPath()));
  return files_->SyncDirectory(folder_);
}

absl::Status ModelFolder::CountTry() {
  int64_t tries = 0;
  if (files_->Exists(TryingPath())) {
    MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(files_, TryingPath(), kMostBytesOfANote));
    if (!absl::SimpleAtoi(text, &tries)) tries = 0;  // whoever wrote into it wants it tried anew
  }
  if (tries >= kMostTries) {
    return absl::FailedPreconditionError(
        absl::StrCat("it was loaded ", tries, " times, and this program ended each time before it ",
                     "had served for a minute; to try it all the same, install it again"));
  }
  return WriteFileDurably(files_, TryingPath(), absl::StrCat(tries + 1, "\n"));
}

absl::Status ModelFolder::EndTrial() {
  if (!files_->Exists(TryingPath())) return absl::OkStatus();
  MR_RETURN_IF_ERROR(files_->Remove(TryingPath()));
  return files_->SyncDirectory(folder_);
}

absl::StatusOr<NewestVersion> ModelFolder::Newest() const {
  NewestVersion newest;
  if (!files_->Exists(NewestPath())) return newest;
  MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(files_, NewestPath(), kMostBytesOfANote));
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::StripTrailingAsciiWhitespace(text), ' ');
  if (words.size() == 2 && absl::SimpleAtoi(words[0], &newest.version) && newest.version >= 0) {
    if (const absl::StatusOr<Digest> digest = Digest::FromHex(words[1]); digest.ok()) {
      newest.parameters_sha256 = digest->ToBytes();
      return newest;
    }
  }
  return absl::UnavailableError(
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
