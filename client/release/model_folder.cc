// SPDX-License-Identifier: Apache-2.0
#include "client/release/model_folder.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace millrace {

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

}  // namespace millrace
