// SPDX-License-Identifier: Apache-2.0
#include "client/store/store_writer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr int64_t kMostRowsOfABlock = 65'536;

}  // namespace

absl::StatusOr<std::unique_ptr<StoreWriter>> StoreWriter::Open(FileSystem* files,
                                                               const std::string& folder,
                                                               const Limits& limits) {
  MR_ASSIGN_OR_RETURN(std::unique_ptr<SampleStore> store,
                      SampleStore::Open(files, folder, limits.store));
  MR_ASSIGN_OR_RETURN(std::unique_ptr<RowJournal> journal,
                      RowJournal::Open(files, folder + "/journal"));
  MR_ASSIGN_OR_RETURN(std::unique_ptr<AlarmLog> alarms,
                      AlarmLog::Open(files, absl::StrCat(folder, "/", kAlarmsFile)));
  std::unique_ptr<StoreWriter> writer(
      new StoreWriter(limits, std::move(store), std::move(journal), std::move(alarms)));
  for (StoredRows& rows : writer->journal_->TakeFound()) writer->Keep(std::move(rows));
  // Recordings that a full disk cannot take are no reason to record nothing later.
  writer->Flush().IgnoreError();
  for (auto& [machine, pending] : writer->pending_) {
    pending.newest_ns = std::numeric_limits<int64_t>::min();
  }
  return writer;
}

void StoreWriter::Keep(StoredRows rows) {
  const auto bytes = static_cast<int64_t>(rows.values.size() * (sizeof(float) + sizeof(Flag)));
  auto found = pending_.find(rows.machine);
  if (found == pending_.end()) found = pending_.try_emplace(rows.machine).first;
  Pending& pending = found->second;
  pending.newest_ns = rows.last_ns();
  pending_bytes_ += bytes;
  if (pending.growing.values.empty()) {
    pending.growing = std::move(rows);
  } else if (!pending.growing.Continue(rows, kMostRowsOfABlock)) {
    pending.whole.push_back(std::exchange(pending.growing, std::move(rows)));
  }
}

absl::Status StoreWriter::Add(StoredRows rows) {
  rows_ += rows.rows();
  const absl::Status written = journal_->Append(rows);
  failed_ = failed_ || !written.ok();
  Keep(std::move(rows));
  return written;
}

absl::Status StoreWriter::Sync(int64_t monotonic_ns) {
  // What it lacks is not lost, and must not keep the rows from the disk.
  absl::Status status = alarms_->Sync();
  status.Update(SyncRows(monotonic_ns));
  return status;
}

absl::Status StoreWriter::SyncRows(int64_t monotonic_ns) {
  if (flushed_ns_ == 0) flushed_ns_ = monotonic_ns;
  const bool due = failed_ || journal_->bytes() >= limits_.journal_bytes ||
                   pending_bytes_ >= limits_.journal_bytes ||
                   monotonic_ns - flushed_ns_ >= absl::ToInt64Nanoseconds(limits_.flush_every);
  if (due) {
    flushed_ns_ = monotonic_ns;
    return Flush();
  }
  const absl::Status synced = journal_->Sync();
  // What a failed sync leaves on the disk is not known, but memory has it all.
  failed_ = failed_ || !synced.ok();
  return synced;
}

absl::Status StoreWriter::Hand(const StoredRows& rows) {
  absl::Status appended = store_->Append(rows);
  if (!appended.ok()) lost_rows_ += rows.rows();
  return appended;
}

absl::Status StoreWriter::Flush() {
  absl::Status worst;
  for (auto& [machine, pending] : pending_) {
    for (const StoredRows& rows : std::exchange(pending.whole, {})) worst.Update(Hand(rows));
    if (!pending.growing.values.empty()) worst.Update(Hand(std::exchange(pending.growing, {})));
  }
  pending_bytes_ = 0;
  // As long as the store's are not durable, the journal's are not to go.
  MR_RETURN_IF_ERROR(store_->Sync());
  MR_RETURN_IF_ERROR(journal_->Clear());
  failed_ = false;
  return worst;
}

void StoreWriter::Expire(absl::Time now) {
  store_->Expire(now);
  int64_t oldest_ns = store_->oldest_ns();
  for (const auto& [machine, pending] : pending_) {
    for (const StoredRows& rows : pending.whole) oldest_ns = std::min(oldest_ns, rows.first_ns);
    if (!pending.growing.values.empty()) oldest_ns = std::min(oldest_ns, pending.growing.first_ns);
  }
  if (oldest_ns < std::numeric_limits<int64_t>::max()) alarms_->DropBefore(oldest_ns);
}

void StoreWriter::Read(absl::string_view machine, int64_t from_ns, int64_t to_ns,
                       const std::function<void(StoredRows)>& visit) {
  const auto tell = [&](StoredRows rows) {
    alarms_->times().Mark(rows);
    visit(std::move(rows));
  };
  store_->Read(machine, from_ns, to_ns, tell);
  const auto found = pending_.find(machine);
  if (found == pending_.end()) return;
  const auto take = [&](StoredRows rows) {
    if (rows.values.empty() || rows.last_ns() < from_ns || rows.first_ns >= to_ns) return;
    rows.Trim(from_ns, to_ns);
    if (rows.rows() > 0) tell(std::move(rows));
  };
  for (const StoredRows& rows : found->second.whole) take(rows);
  take(found->second.growing);
}

int64_t StoreWriter::NewestOf(absl::string_view machine) const {
  const auto found = pending_.find(machine);
  return found == pending_.end() ? std::numeric_limits<int64_t>::min() : found->second.newest_ns;
}

}  // namespace millrace
