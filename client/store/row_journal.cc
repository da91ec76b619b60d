// SPDX-License-Identifier: Apache-2.0
#include "client/store/row_journal.h"

#include <utility>

#include "base/status.h"
#include "client/store/segment.h"

namespace millrace {

absl::StatusOr<std::unique_ptr<RowJournal>> RowJournal::Open(FileSystem* files,
                                                             const std::string& path) {
  MR_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files->Open(path, FileSystem::OpenMode::kCreate));
  MR_RETURN_IF_ERROR(files->SyncDirectory(DirectoryOf(path)));
  std::unique_ptr<RowJournal> journal(new RowJournal(std::move(file)));
  MR_ASSIGN_OR_RETURN(const SegmentScan scan,
                      ScanSegment(journal->file_.get(), /*read_rows=*/true));
  for (const BlockPlace& place : scan.blocks) {
    MR_ASSIGN_OR_RETURN(StoredRows rows, ReadBlock(journal->file_.get(), place));
    journal->found_.push_back(std::move(rows));
  }
  journal->bytes_ = scan.good_bytes;
  if (scan.end != SegmentEnd::kWhole) {
    MR_RETURN_IF_ERROR(journal->file_->Truncate(scan.good_bytes));
  }
  return journal;
}

std::vector<StoredRows> RowJournal::TakeFound() { return std::exchange(found_, {}); }

absl::Status RowJournal::Append(const StoredRows& rows) {
  MR_ASSIGN_OR_RETURN(const EncodedBlock block, EncodeBlock(rows));
  const absl::Status written = file_->WriteAt(bytes_, block.bytes);
  if (!written.ok()) {
    file_->Truncate(bytes_).IgnoreError();  // a torn end is cut off by the next start as well
    return written;
  }
  bytes_ += static_cast<int64_t>(block.bytes.size());
  dirty_ = true;
  return absl::OkStatus();
}

absl::Status RowJournal::Sync() {
  if (!dirty_) return absl::OkStatus();
  MR_RETURN_IF_ERROR(file_->Sync());
  dirty_ = false;
  return absl::OkStatus();
}

absl::Status RowJournal::Clear() {
  if (bytes_ == 0) return absl::OkStatus();
  MR_RETURN_IF_ERROR(file_->Truncate(0));
  bytes_ = 0;
  dirty_ = true;
  return Sync();
}

}  // namespace millrace
