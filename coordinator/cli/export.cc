// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/export.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "coordinator/cli/local_file.h"

namespace millrace {
namespace {

absl::StatusOr<int64_t> Receive(Connection* connection, FileSystem* files, const std::string& run,
                                int64_t version, const std::string& path,
                                const std::function<void(int64_t)>& on_progress) {
  absl::StatusOr<std::unique_ptr<File>> file = files->Open(path, FileSystem::OpenMode::kCreate);
  if (!file.ok()) return LocalStatus(file.status());
  MR_RETURN_IF_ERROR(LocalStatus((*file)->Truncate(0)));
  int64_t bytes = 0;
  MR_RETURN_IF_ERROR(connection->ExportModel(run, version, [&](absl::string_view data) {
    MR_RETURN_IF_ERROR(LocalStatus((*file)->WriteAt(bytes, {data.data(), data.size()})));
    bytes += static_cast<int64_t>(data.size());
    on_progress(bytes);
    return absl::OkStatus();
  }));
  MR_RETURN_IF_ERROR(LocalStatus((*file)->Sync()));
  return bytes;
}

}  // namespace

absl::StatusOr<Exported> ExportModel(Connection* connection, FileSystem* files,
                                     const std::string& run, int64_t version,
                                     const std::string& path,
                                     const std::function<void(int64_t)>& on_progress) {
  const std::string temporary = absl::StrCat(path, ".tmp");
  const auto finish = [&]() -> absl::StatusOr<Exported> {
    Exported exported;
    MR_ASSIGN_OR_RETURN(exported.bytes,
                        Receive(connection, files, run, version, temporary, on_progress));
    absl::StatusOr<ModelPackage> package = ReadPackage(files, temporary);
    if (!package.ok()) {
      return LocalStatus(Annotate(package.status(), "the coordinator's package was not accepted"));
    }
    exported.package = *std::move(package);
    MR_RETURN_IF_ERROR(LocalStatus(files->Rename(temporary, path)));
    MR_RETURN_IF_ERROR(LocalStatus(files->SyncDirectory(DirectoryOf(path))));
    return exported;
  };
  absl::StatusOr<Exported> exported = finish();
  if (!exported.ok() && files->Exists(temporary)) {
    // The first failure is the one to report.
    (void)files->Remove(temporary);
  }
  return exported;
}

}  // namespace millrace
