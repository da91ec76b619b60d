// SPDX-License-Identifier: Apache-2.0
#include "coordinator/storage/backup.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/secret.h"
#include "base/status.h"
#include "coordinator/blob/directory_blob_store.h"
#include "coordinator/enrollment/enrollment_store.h"
#include "coordinator/round/replay.h"
#include "coordinator/round/update.h"
#include "coordinator/storage/retention.h"
#include "coordinator/store/sqlite_store.h"

namespace millrace {
namespace {

constexpr char kStore[] = "/store.sqlite";
constexpr char kBlobs[] = "/blobs";
// Written last: a backup without it is none.
constexpr char kManifest[] = "/backup.json";
constexpr int kTries = 10;  // to copy the models of the moment before the coordinator drops them

absl::Status Clear(const std::string& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  return error ? ErrnoStatus(error.value(), absl::StrCat("remove ", folder)) : absl::OkStatus();
}

absl::StatusOr<std::vector<RunState>> LoadRuns(Store& store) {
  MR_ASSIGN_OR_RETURN(const std::vector<StoredRun> stored, store.LoadRuns());
  std::vector<RunState> runs;
  for (const StoredRun& record : stored) {
    MR_ASSIGN_OR_RETURN(RunState run, Replay(record.id, record.events));
    runs.push_back(std::move(run));
  }
  return runs;
}

/// The blob's length. DATA_LOSS if its bytes are not those of its name.
absl::StatusOr<int64_t> CopyBlob(FileSystem* files, const std::string& path, const Digest& digest,
                                 BlobStore& to) {
  constexpr int64_t kChunk = int64_t{1} << 20;
  MR_ASSIGN_OR_RETURN(const auto file, files->Open(path, FileSystem::OpenMode::kRead));
  MR_ASSIGN_OR_RETURN(const int64_t size, file->Size());
  MR_ASSIGN_OR_RETURN(const auto writer, to.NewWriter());
  std::vector<char> buffer(std::min(size, kChunk));
  for (int64_t offset = 0; offset < size; offset += kChunk) {
    const std::span<char> chunk(buffer.data(), std::min(size - offset, kChunk));
    MR_RETURN_IF_ERROR(file->ReadAt(offset, chunk));
    MR_RETURN_IF_ERROR(writer->Append(chunk));
  }
  MR_ASSIGN_OR_RETURN(const Digest found, writer->Commit());
  if (found == digest) return size;
  MR_RETURN_IF_ERROR(to.Remove(found));
  return absl::DataLossError(absl::StrCat(path, ": its bytes have SHA-256 ", found.Hex()));
}

struct Copied {
  BackupReport report;
  bool moved_on = false;  // a model that its run needs is not there (any more)
};

absl::StatusOr<Copied> CopyBlobs(FileSystem* files, const std::string& from, BlobStore& to,
                                 const std::vector<RunState>& runs) {
  Copied copied;
  copied.report.runs = std::ssize(runs);
  std::set<Digest> done;
  for (const RunState& run : runs) {
    const std::set<Digest> vital = VitalBlobs(run);
    for (const Digest& digest : KeptBlobs(run, /*keep_versions=*/0)) {
      if (!done.insert(digest).second) continue;
      const std::string path = DirectoryBlobStore::PathOf(from + kBlobs, digest);
      const absl::StatusOr<int64_t> bytes = CopyBlob(files, path, digest, to);
      if (bytes.ok()) {
        ++copied.report.models;
        copied.report.bytes += *bytes;
        continue;
      }
      const bool missing = absl::IsNotFound(bytes.status());
      if (!missing && !absl::IsDataLoss(bytes.status())) return bytes.status();
      if (missing && !vital.contains(digest)) continue;  // let go of by retention
      copied.moved_on = copied.moved_on || missing;
      copied.report.losses.push_back(absl::StrCat("run ", run.id, ": ", bytes.status().message()));
    }
  }
  return copied;
}

/// Store and models of one moment; again where the coordinator has moved on between the two.
absl::StatusOr<BackupReport> CopyState(FileSystem* files, const std::string& from,
                                       const std::string& to) {
  MR_RETURN_IF_ERROR(files->CreateDirectories(to));
  MR_ASSIGN_OR_RETURN(const auto blobs, DirectoryBlobStore::Create(files, to + kBlobs));
  Copied copied;
  for (int i = 0; i < kTries; ++i) {
    for (const char* const end : {"", "-wal", "-shm"}) {
      if (const std::string old = absl::StrCat(to, kStore, end); files->Exists(old)) {
        MR_RETURN_IF_ERROR(files->Remove(old));
      }
    }
    MR_RETURN_IF_ERROR(CopySqliteStore(from + kStore, to + kStore));
    MR_ASSIGN_OR_RETURN(const auto store, OpenSqliteStore(to + kStore));
    MR_ASSIGN_OR_RETURN(const std::vector<RunState> runs, LoadRuns(*store));
    // What open secure rounds have sent holds parts of secrets, and is of no use later.
    for (const RunState& run : runs) MR_RETURN_IF_ERROR(store->DropMessages(run.id));
    MR_ASSIGN_OR_RETURN(copied, CopyBlobs(files, from, *blobs, runs));
    if (!copied.moved_on) break;
  }
  return std::move(copied.report);
}

/// Above every attempt in the backup, and as far above as chance will have it: how many came after
/// it, or after another restoration of it, nobody knows here, and a clock that may be wrong does
/// not either.
int32_t AttemptBase(const RunState& run) {
  const auto random = Secret<3>::Random();
  int64_t leap = 0;
  for (const uint8_t byte : random.bytes()) leap = leap * 256 + byte;
  const int64_t base = run.next_attempt + run.plan.cohort.attempts + leap;
  return static_cast<int32_t>(std::min<int64_t>(base, std::numeric_limits<int32_t>::max() / 2));
}

absl::Status BeginAnew(Store& store, absl::Time now) {
  MR_ASSIGN_OR_RETURN(const std::vector<RunState> runs, LoadRuns(store));
  for (const RunState& run : runs) {
    if (run.phase != RunPhase::kRunning) continue;
    const Event event{now, RunRestored{AttemptBase(run)}};
    MR_RETURN_IF_ERROR(Annotate(CanApply(run, event), absl::StrCat("run ", run.id)));
    MR_RETURN_IF_ERROR(store.Append(run.id, run.events, std::span(&event, 1)));
  }
  return absl::OkStatus();
}

/// Makes what was built beside its place appear there.
absl::Status Reveal(FileSystem* files, const std::string& partial, const std::string& to) {
  MR_RETURN_IF_ERROR(files->SyncDirectory(partial));
  MR_RETURN_IF_ERROR(files->Rename(partial, to));
  return files->SyncDirectory(DirectoryOf(to));
}

}  // namespace

absl::StatusOr<BackupReport> Backup(FileSystem* files, const std::string& from,
                                    const std::string& to, absl::Time now) {
  if (files->Exists(to)) {
    return absl::AlreadyExistsError(
        absl::StrCat("backup ", to, ": is there already; every backup has a folder of its own"));
  }
  const std::string partial = absl::StrCat(to, ".partial");
  MR_RETURN_IF_ERROR(Clear(partial));
  const absl::StatusOr<BackupReport> report = CopyState(files, from, partial);
  if (!report.ok()) {
    Clear(partial).IgnoreError();
    return Annotate(report.status(), absl::StrCat("backup of ", from));
  }
  const nlohmann::json manifest = {{"created", absl::FormatTime(now, absl::UTCTimeZone())},
                                   {"program", "millrace " MILLRACE_VERSION},
                                   {"runs", report->runs},
                                   {"models", report->models},
                                   {"bytes", report->bytes}};
  MR_RETURN_IF_ERROR(WriteFileDurably(files, partial + kManifest, manifest.dump(2) + "\n"));
  MR_RETURN_IF_ERROR(Reveal(files, partial, to));
  return report;
}

absl::StatusOr<BackupReport> Restore(FileSystem* files, const std::string& from,
                                     const std::string& to, absl::Time now) {
  if (!files->Exists(from + kManifest)) {
    return absl::NotFoundError(
        absl::StrCat("backup ", from, ": is none, or not whole (backup.json is missing)"));
  }
  if (files->Exists(to)) {
    MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, files->List(to));
    if (!names.empty()) {
      return absl::AlreadyExistsError(absl::StrCat(
          "folder ", to, ": is not empty; move it away, a restored coordinator begins in its own"));
    }
  }
  const std::string partial = absl::StrCat(to, ".partial");
  MR_RETURN_IF_ERROR(Clear(partial));
  const auto restore = [&]() -> absl::StatusOr<BackupReport> {
    MR_ASSIGN_OR_RETURN(BackupReport report, CopyState(files, from, partial));
    MR_ASSIGN_OR_RETURN(const auto store, OpenSqliteStore(partial + kStore));
    MR_RETURN_IF_ERROR(BeginAnew(*store, now));
    MR_ASSIGN_OR_RETURN(const auto membership, OpenSqliteEnrollmentStore(partial + kStore));
    MR_RETURN_IF_ERROR(membership->MarkRestored(now));
    return report;
  };
  const absl::StatusOr<BackupReport> report = restore();
  if (!report.ok()) {
    Clear(partial).IgnoreError();
    return Annotate(report.status(), absl::StrCat("backup ", from));
  }
  MR_RETURN_IF_ERROR(Reveal(files, partial, to));
  return report;
}

}  // namespace millrace
