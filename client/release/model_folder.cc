// SPDX-License-Identifier: Apache-2.0
#include "client/release/model_folder.h"

#include <algorithm>
#include <utility>

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
constexpr int64_t kLongestWaitNs = int64_t{365} * 86'400 * 1'000'000'000;  // none waits as long

/// A number and the digest of parameters, in one line.
struct Note {
  int64_t number = 0;
  std::string parameters_sha256;
};

std::optional<Note> ParseNote(absl::string_view text) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::StripTrailingAsciiWhitespace(text), ' ');
  Note note;
  if (words.size() != 2 || !absl::SimpleAtoi(words[0], &note.number) || note.number < 0) {
    return std::nullopt;
  }
  const absl::StatusOr<Digest> digest = Digest::FromHex(words[1]);
  if (!digest.ok()) return std::nullopt;
  note.parameters_sha256 = digest->ToBytes();
  return note;
}

absl::StatusOr<std::string> NoteText(int64_t number, absl::string_view parameters_sha256) {
  MR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(parameters_sha256));
  return absl::StrCat(number, " ", digest.Hex(), "\n");
}

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

int64_t ModelFolder::SlowNs(absl::string_view parameters_sha256) const {
  const absl::StatusOr<std::string> text = ReadFile(files_, SlowPath(), kMostBytesOfANote);
  if (!text.ok()) return 0;
  const std::optional<Note> note = ParseNote(*text);
  return note && note->parameters_sha256 == parameters_sha256 ? note->number : 0;
}

absl::Status ModelFolder::NoteSlowNs(absl::string_view parameters_sha256, int64_t slow_ns) {
  MR_ASSIGN_OR_RETURN(const std::string text, NoteText(slow_ns, parameters_sha256));
  return WriteFileDurably(files_, SlowPath(), text);
}

int64_t ModelFolder::WaitedNs() const {
  const absl::StatusOr<std::string> text = ReadFile(files_, WaitedPath(), kMostBytesOfANote);
  int64_t waited_ns = 0;
  if (!text.ok() || !absl::SimpleAtoi(*text, &waited_ns)) return 0;
  return std::clamp(waited_ns, int64_t{0}, kLongestWaitNs);
}

absl::Status ModelFolder::NoteWaitedNs(int64_t waited_ns) {
  return WriteFileDurably(files_, WaitedPath(), absl::StrCat(waited_ns, "\n"));
}

absl::Status ModelFolder::EndWait() {
  if (!files_->Exists(WaitedPath())) return absl::OkStatus();
  MR_RETURN_IF_ERROR(files_->Remove(WaitedPath()));
  return files_->SyncDirectory(folder_);
}

absl::StatusOr<NewestVersion> ModelFolder::Newest() const {
  if (!files_->Exists(NewestPath())) return NewestVersion();
  MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(files_, NewestPath(), kMostBytesOfANote));
  if (std::optional<Note> note = ParseNote(text)) {
    return NewestVersion{note->number, std::move(note->parameters_sha256)};
  }
  return absl::UnavailableError(
      absl::StrCat(NewestPath(), ": cannot be read; write the newest version that has served and ",
                   "the digest of its parameters, or move it away to let any version serve"));
}

absl::Status ModelFolder::NoteVersion(const NewestVersion& served) {
  MR_ASSIGN_OR_RETURN(const NewestVersion newest, Newest());
  if (served.version <= newest.version) return absl::OkStatus();
  MR_ASSIGN_OR_RETURN(const std::string text, NoteText(served.version, served.parameters_sha256));
  MR_RETURN_IF_ERROR(files_->CreateDirectories(folder_));
  return WriteFileDurably(files_, NewestPath(), text);
}

}  // namespace millrace
