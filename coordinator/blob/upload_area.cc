// SPDX-License-Identifier: Apache-2.0
#include "coordinator/blob/upload_area.h"

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/name.h"
#include "base/status.h"

namespace millrace {
namespace {

absl::Status CheckRound(absl::string_view run, int64_t round, int64_t attempt) {
  MR_RETURN_IF_ERROR(CheckName("run", run));
  if (round >= 0 && attempt >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("run ", run, ": round ", round, ", attempt ",
                                                 attempt, ": expected numbers from 0"));
}

absl::Status CheckKey(const UploadKey& key) {
  MR_RETURN_IF_ERROR(CheckName("site", key.site));
  return CheckRound(key.run, key.round, key.attempt);
}

std::string RoundFolder(absl::string_view folder, absl::string_view run, int64_t round,
                        int64_t attempt) {
  return absl::StrCat(folder, "/", run, "/", round, "-", attempt);
}

UploadPlace PlaceOf(const std::string& folder, const UploadKey& key) {
  const std::string round = RoundFolder(folder, key.run, key.round, key.attempt);
  return {.part_path = absl::StrCat(round, "/", key.site, ".part"),
          .update_path = absl::StrCat(round, "/", key.site, ".update"),
          .folders = {round, DirectoryOf(round), folder},
          .title = absl::StrCat("upload of site ", key.site, ", run ", key.run, ", round ",
                                key.round, ", attempt ", key.attempt)};
}

absl::Status RemoveIfThere(FileSystem* files, const std::string& path) {
  absl::Status removed = files->Remove(path);
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UploadArea>> UploadArea::Create(FileSystem* files,
                                                               std::string folder) {
  MR_RETURN_IF_ERROR(files->CreateDirectories(folder));
  MR_RETURN_IF_ERROR(files->SyncDirectory(DirectoryOf(folder)));
  return std::unique_ptr<UploadArea>(new UploadArea(files, std::move(folder)));
}

UploadArea::UploadArea(FileSystem* files, std::string folder)
    : files_(files), folder_(std::move(folder)) {}

absl::StatusOr<std::unique_ptr<StagedUpload>> UploadArea::Open(
    const UploadKey& key, const UploadDeclaration& declaration) {
  MR_RETURN_IF_ERROR(CheckKey(key));
  UploadPlace place = PlaceOf(folder_, key);
  const bool whole = declaration.masked || declaration.size % sizeof(float) == 0;
  if (declaration.size <= 0 || !whole) {
    return absl::InvalidArgumentError(
        absl::StrCat(place.title, ": ", declaration.size,
                     " bytes declared; expected whole float32 values, at least one"));
  }
  // Two writers would interleave in one file.
  {
    const std::lock_guard lock(mutex_);
    if (!open_.insert(place.part_path).second) {
      return absl::UnavailableError(
          absl::StrCat(place.title, ": is open in another call; retry when that has ended"));
    }
  }
  const std::shared_ptr<const void> lease(nullptr, [this, path = place.part_path](const void*) {
    const std::lock_guard lock(mutex_);
    open_.erase(path);
  });
  MR_RETURN_IF_ERROR(Annotate(files_->CreateDirectories(place.folders[0]), place.title));
  return StagedUpload::Open(files_, std::move(place), declaration, lease);
}

absl::Status UploadArea::Remove(const UploadKey& key) {
  MR_RETURN_IF_ERROR(CheckKey(key));
  const UploadPlace place = PlaceOf(folder_, key);
  MR_RETURN_IF_ERROR(RemoveIfThere(files_, place.part_path));
  return RemoveIfThere(files_, place.update_path);
}

absl::Status UploadArea::DiscardRound(absl::string_view run, int64_t round, int64_t attempt) {
  MR_RETURN_IF_ERROR(CheckRound(run, round, attempt));
  const std::string folder = RoundFolder(folder_, run, round, attempt);
  const auto names = files_->List(folder);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  MR_RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    MR_RETURN_IF_ERROR(RemoveIfThere(files_, absl::StrCat(folder, "/", name)));
  }
  // The bytes are gone; a folder that stays, because a site just began anew or the file system
  // removes files only, costs nothing but its entry.
  files_->Remove(folder).IgnoreError();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StagedRound>> UploadArea::List() {
  std::vector<StagedRound> rounds;
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> runs, files_->List(folder_));
  for (const std::string& run : runs) {
    const auto tries = files_->List(absl::StrCat(folder_, "/", run));
    if (!CheckName("run", run).ok() || !tries.ok()) continue;
    for (const std::string& name : *tries) {
      const std::vector<std::string> numbers = absl::StrSplit(name, '-');
      StagedRound round{run, 0, 0};
      if (numbers.size() == 2 && absl::SimpleAtoi(numbers[0], &round.round) &&
          absl::SimpleAtoi(numbers[1], &round.attempt) &&
          name == absl::StrCat(round.round, "-", round.attempt)) {
        rounds.push_back(std::move(round));
      }
    }
  }
  return rounds;
}

absl::StatusOr<std::map<std::string, int64_t>> UploadArea::StagedBytes(absl::string_view run,
                                                                       int64_t round,
                                                                       int64_t attempt) {
  std::map<std::string, int64_t> bytes;
  const std::string folder = RoundFolder(folder_, run, round, attempt);
  const auto names = files_->List(folder);
  if (absl::IsNotFound(names.status())) return bytes;
  MR_RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    absl::string_view site = name;
    if (!absl::ConsumeSuffix(&site, ".part") && !absl::ConsumeSuffix(&site, ".update")) continue;
    MR_ASSIGN_OR_RETURN(const auto file,
                        files_->Open(absl::StrCat(folder, "/", name), FileSystem::OpenMode::kRead));
    MR_ASSIGN_OR_RETURN(const int64_t size, file->Size());
    bytes[std::string(site)] += size;
  }
  return bytes;
}

bool UploadArea::HasWhole(const UploadKey& key, int64_t bytes) {
  const auto file = files_->Open(PlaceOf(folder_, key).update_path, FileSystem::OpenMode::kRead);
  if (!file.ok()) return false;
  const absl::StatusOr<int64_t> size = (*file)->Size();
  return size.ok() && *size == bytes;
}

void UploadArea::RemoveRun(absl::string_view run) {
  files_->Remove(absl::StrCat(folder_, "/", run)).IgnoreError();
}

}  // namespace millrace
