// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/file_system.h"
#include "client/store/alarm_log.h"
#include "client/store/row_journal.h"
#include "client/store/sample_store.h"
#include "client/store/stored_rows.h"

namespace millrace {

/// Takes a site's rows in small blocks as they come: they go to a journal, and from memory to the
/// store in larger blocks. What was synced outlasts a kill and a power cut. Not thread-safe.
class StoreWriter {
 public:
  struct Limits {
    SampleStore::Limits store;
    int64_t journal_bytes = int64_t{16} << 20;  // at which the store gets what is in it
    absl::Duration flush_every = absl::Minutes(10);
  };

  /// Opens both in `folder`, or makes them; what the journal held goes to the store. `files`
  /// outlives the writer. An error is the disk's own.
  static absl::StatusOr<std::unique_ptr<StoreWriter>> Open(FileSystem* files,
                                                           const std::string& folder,
                                                           const Limits& limits);

  /// Takes them; an error is the journal's, and the store gets them all the same.
  absl::Status Add(StoredRows rows);
  /// Rows of these times, which may come yet, were taken in an alarm: whoever reads them is told.
  /// Durable if this succeeds; else a Sync that does makes up for it.
  absl::Status AddAlarms(const AlarmTimes& alarms) { return alarms_->Add(alarms); }
  /// What was added is durable if this succeeds. Now and then it is brought to the store.
  /// `monotonic_ns`: any clock that nobody sets.
  absl::Status Sync(int64_t monotonic_ns);
  /// Brings everything to the store. What that cannot take is lost.
  absl::Status Flush();
  /// SampleStore::Expire, and alarms go with their rows.
  void Expire(absl::Time now);

  /// SampleStore::Read, and what the store does not have yet.
  void Read(absl::string_view machine, int64_t from_ns, int64_t to_ns,
            const std::function<void(StoredRows)>& visit);
  /// Time of the machine's newest row that came since the start; nothing came: the least int64.
  int64_t NewestOf(absl::string_view machine) const;

  SampleStore::Totals totals() const { return store_->totals(); }
  /// Rows that came, and of them those lost to a store that could not take them.
  int64_t rows() const { return rows_; }
  int64_t lost_rows() const { return lost_rows_; }

 private:
  struct Pending {
    std::vector<StoredRows> whole;  // blocks that nothing follows
    StoredRows growing;             // without rows: nothing came since the last flush
    int64_t newest_ns = 0;
  };

  StoreWriter(const Limits& limits, std::unique_ptr<SampleStore> store,
              std::unique_ptr<RowJournal> journal, std::unique_ptr<AlarmLog> alarms)
      : limits_(limits),
        store_(std::move(store)),
        journal_(std::move(journal)),
        alarms_(std::move(alarms)) {}

  absl::Status SyncRows(int64_t monotonic_ns);
  void Keep(StoredRows rows);
  absl::Status Hand(const StoredRows& rows);

  const Limits limits_;
  const std::unique_ptr<SampleStore> store_;
  const std::unique_ptr<RowJournal> journal_;
  const std::unique_ptr<AlarmLog> alarms_;
  std::map<std::string, Pending, std::less<>> pending_;  // by machine
  int64_t pending_bytes_ = 0;
  int64_t flushed_ns_ = 0;  // monotonic
  bool failed_ = false;     // the journal, since the last flush
  int64_t rows_ = 0;
  int64_t lost_rows_ = 0;
};

}  // namespace millrace
