// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/sqlite_file_system.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace millrace::testing {
namespace {

/// The system's own, for time, randomness and what never touches a file.
sqlite3_vfs* System() { return sqlite3_vfs_find("unix"); }

int WriteError(const absl::Status& status) {
  return absl::IsResourceExhausted(status) ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

}  // namespace

struct SqliteOnFileSystem::OpenFile {
  sqlite3_file base;  // first: SQLite knows the object by it
  SqliteOnFileSystem* owner;
  std::unique_ptr<File> file;
  std::string path;
  bool entry_unsynced;  // a new journal, whose folder is to be synced with it, as "unix" does
  bool removed_at_close;
};

SqliteOnFileSystem::OpenFile* SqliteOnFileSystem::Cast(sqlite3_file* file) {
  return reinterpret_cast<OpenFile*>(file);
}

SqliteOnFileSystem* SqliteOnFileSystem::Of(sqlite3_vfs* vfs) {
  return static_cast<SqliteOnFileSystem*>(vfs->pAppData);
}

SqliteOnFileSystem::SqliteOnFileSystem(FileSystem* files) : files_(files), vfs_(*System()) {
  vfs_.iVersion = 2;
  vfs_.pNext = nullptr;
  vfs_.szOsFile = sizeof(OpenFile);
  vfs_.zName = "files";
  vfs_.pAppData = this;
  vfs_.xOpen = [](sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
    if (out != nullptr) *out = flags;
    return Of(vfs)->Open(name, file, flags);
  };
  vfs_.xDelete = [](sqlite3_vfs* vfs, const char* name, int sync) {
    FileSystem* const disk = Of(vfs)->files_;
    const absl::Status removed = disk->Remove(name);
    if (absl::IsNotFound(removed)) return SQLITE_IOERR_DELETE_NOENT;
    const bool done = removed.ok() && (sync == 0 || disk->SyncDirectory(DirectoryOf(name)).ok());
    return done ? SQLITE_OK : SQLITE_IOERR_DELETE;
  };
  vfs_.xAccess = [](sqlite3_vfs* vfs, const char* name, int, int* out) {
    *out = Of(vfs)->files_->Exists(name) ? 1 : 0;
    return SQLITE_OK;
  };
  vfs_.xFullPathname = [](sqlite3_vfs*, const char* name, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
  };
  MR_CHECK(sqlite3_vfs_register(&vfs_, /*makeDflt=*/1) == SQLITE_OK);
}

SqliteOnFileSystem::~SqliteOnFileSystem() {
  sqlite3_vfs_unregister(&vfs_);
  MR_CHECK(sqlite3_vfs_register(System(), /*makeDflt=*/1) == SQLITE_OK);
}

int SqliteOnFileSystem::Open(const char* name, sqlite3_file* file, int flags) {
  file->pMethods = nullptr;  // not to be closed if it does not open
  const std::string path = name != nullptr ? name : absl::StrCat("temporary", temporary_files_++);
  const bool create = (flags & SQLITE_OPEN_CREATE) != 0;
  const bool existed = files_->Exists(path);
  auto opened =
      files_->Open(path, create ? FileSystem::OpenMode::kCreate : FileSystem::OpenMode::kReadWrite);
  if (!opened.ok()) return SQLITE_CANTOPEN;
  const bool journal = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
  new (file) OpenFile{{Methods()},         this,
                      *std::move(opened),  path,
                      journal && !existed, (flags & SQLITE_OPEN_DELETEONCLOSE) != 0};
  return SQLITE_OK;
}

const sqlite3_io_methods* SqliteOnFileSystem::Methods() {
  static const sqlite3_io_methods methods = {
      .iVersion = 2,
      .xClose =
          [](sqlite3_file* file) {
            OpenFile* const open = Cast(file);
            if (open->removed_at_close) open->owner->files_->Remove(open->path).IgnoreError();
            open->~OpenFile();
            return SQLITE_OK;
          },
      .xRead =
          [](sqlite3_file* file, void* out, int count, sqlite3_int64 offset) {
            const absl::StatusOr<int64_t> size = Cast(file)->file->Size();
            if (!size.ok()) return SQLITE_IOERR_READ;
            const int64_t there = std::clamp<int64_t>(*size - offset, 0, count);
            char* const bytes = static_cast<char*>(out);
            std::memset(bytes + there, 0, count - there);
            const std::span<char> read(bytes, there);
            if (there > 0 && !Cast(file)->file->ReadAt(offset, read).ok()) return SQLITE_IOERR_READ;
            return there == count ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
          },
      .xWrite =
          [](sqlite3_file* file, const void* data, int count, sqlite3_int64 offset) {
            const absl::Status written = Cast(file)->file->WriteAt(
                offset, {static_cast<const char*>(data), static_cast<size_t>(count)});
            return written.ok() ? SQLITE_OK : WriteError(written);
          },
      .xTruncate =
          [](sqlite3_file* file, sqlite3_int64 size) {
            return Cast(file)->file->Truncate(size).ok() ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
          },
      .xSync =
          [](sqlite3_file* file, int) {
            OpenFile* const open = Cast(file);
            if (!open->file->Sync().ok()) return SQLITE_IOERR_FSYNC;
            if (!std::exchange(open->entry_unsynced, false)) return SQLITE_OK;
            const absl::Status synced = open->owner->files_->SyncDirectory(DirectoryOf(open->path));
            open->entry_unsynced = !synced.ok();
            return synced.ok() ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
          },
      .xFileSize =
          [](sqlite3_file* file, sqlite3_int64* out) {
            const absl::StatusOr<int64_t> size = Cast(file)->file->Size();
            *out = size.value_or(0);
            return size.ok() ? SQLITE_OK : SQLITE_IOERR_FSTAT;
          },
      .xLock = [](sqlite3_file*, int) { return SQLITE_OK; },
      .xUnlock = [](sqlite3_file*, int) { return SQLITE_OK; },
      .xCheckReservedLock =
          [](sqlite3_file*, int* out) {
            *out = 0;
            return SQLITE_OK;
          },
      .xFileControl = [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; },
      .xSectorSize = [](sqlite3_file*) { return 4096; },
      .xDeviceCharacteristics = [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; },
      .xShmMap =
          [](sqlite3_file* file, int region, int size, int extend, void volatile** out) {
            auto& regions = Cast(file)->owner->shared_[Cast(file)->path];
            while (extend != 0 && std::ssize(regions) <= region) {
              regions.push_back(std::make_unique<char[]>(size));  // zeroed
            }
            *out = std::ssize(regions) > region ? regions[region].get() : nullptr;
            return SQLITE_OK;
          },
      .xShmLock = [](sqlite3_file*, int, int, int) { return SQLITE_OK; },
      .xShmBarrier = [](sqlite3_file*) {},
      .xShmUnmap =
          [](sqlite3_file* file, int) {
            Cast(file)->owner->shared_.erase(Cast(file)->path);
            return SQLITE_OK;
          },
      .xFetch = nullptr,
      .xUnfetch = nullptr,
  };
  return &methods;
}

}  // namespace millrace::testing
