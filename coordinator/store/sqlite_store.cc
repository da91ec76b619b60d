// SPDX-License-Identifier: Apache-2.0
#include "coordinator/store/sqlite_store.h"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <map>
#include <mutex>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/file_system.h"
#include "base/status.h"
#include "coordinator/store/event_json.h"

namespace millrace {
namespace {

constexpr int kSchemaVersion = 1;
constexpr int kBusyTimeoutMs = 5000;
constexpr int64_t kWalBytes = int64_t{64} << 20;  // it shrinks to this after a burst
constexpr char kWayOut[] = "; restore a backup: millrace restore --help";

constexpr char kSchema[] = R"sql(
  CREATE TABLE IF NOT EXISTS events (
    run TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    time_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run, sequence)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS messages (
    run TEXT NOT NULL,
    round INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    phase INTEGER NOT NULL,
    site TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run, round, attempt, phase, site)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS forgotten_runs (
    name TEXT PRIMARY KEY,
    number INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS sites (
    name TEXT PRIMARY KEY,
    first_seen_us INTEGER NOT NULL,
    last_seen_us INTEGER NOT NULL,
    version TEXT NOT NULL,
    updates INTEGER NOT NULL
  ) WITHOUT ROWID;
)sql";

absl::Status StatusOf(const SQLite::Exception& error, const std::string& path) {
  const std::string message = absl::StrCat("store ", path, ": ", error.what());
  switch (error.getErrorCode()) {
    // After a sync that failed SQLite writes the transaction anew, over the pages it could not
    // sync.
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return absl::ResourceExhaustedError(message);
    case SQLITE_CONSTRAINT:
      return absl::AbortedError(message);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return absl::DataLossError(absl::StrCat(message, kWayOut));
    default:
      return absl::UnavailableError(message);
  }
}

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(const std::string& path)
      : path_(path),
        database_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyTimeoutMs) {}

  absl::Status Prepare() {
    return Guard([&] {
      absl::MutexLock lock(&mutex_);
      database_.exec("PRAGMA journal_mode=WAL");
      database_.exec("PRAGMA synchronous=FULL");
      database_.exec("PRAGMA secure_delete=ON");  // messages hold shares of secrets
      database_.exec(absl::StrCat("PRAGMA journal_size_limit=", kWalBytes));
      const std::string found = database_.execAndGet("PRAGMA quick_check(1)").getString();
      if (found != "ok") {
        return absl::DataLossError(absl::StrCat("store ", path_, ": damaged: ", found, kWayOut));
      }
      const int version = database_.execAndGet("PRAGMA user_version").getInt();
      if (version > kSchemaVersion) {
        return absl::DataLossError(absl::StrCat("store ", path_, ": schema version ", version,
                                                " is newer than this program's ", kSchemaVersion));
      }
      database_.exec(kSchema);
      database_.exec(absl::StrCat("PRAGMA user_version=", kSchemaVersion));
      return absl::OkStatus();
    });
  }

  absl::Status Append(const std::string& run, int64_t sequence, std::span<const Event> events,
                      std::span<const StoredMessage> messages) override {
    return Guard([&] {
      absl::MutexLock lock(&mutex_);
      SQLite::Transaction transaction(database_);
      SQLite::Statement insert(database_, "INSERT INTO events VALUES (?, ?, ?, ?, ?)");
      for (const Event& event : events) {
        insert.bind(1, run);
        insert.bind(2, sequence++);
        insert.bind(3, absl::ToUnixMicros(event.time));
        insert.bind(4, EventKind(event));
        insert.bind(5, EventToJson(event));
        insert.exec();
        insert.reset();
      }
      for (const StoredMessage& message : messages) Insert(message);
      transaction.commit();
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::vector<StoredMessage>> LoadMessages(const std::string& run) override {
    std::vector<StoredMessage> messages;
    MR_RETURN_IF_ERROR(Guard([&] {
      absl::MutexLock lock(&mutex_);
      SQLite::Statement rows(
          database_, "SELECT round, attempt, phase, site, body FROM messages WHERE run = ?");
      rows.bind(1, run);
      while (rows.executeStep()) {
        messages.push_back({{run, rows.getColumn(0).getInt64(), rows.getColumn(1).getInt()},
                            static_cast<SecurePhase>(rows.getColumn(2).getInt()),
                            rows.getColumn(3),
                            rows.getColumn(4).getString()});
      }
      return absl::OkStatus();
    }));
    return messages;
  }

  absl::Status DropMessages(const std::string& run) override {
    return Guard([&] {
      absl::MutexLock lock(&mutex_);
      SQLite::Statement drop(database_, "DELETE FROM messages WHERE run = ?");
      drop.bind(1, run);
      drop.exec();
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::vector<StoredRun>> LoadRuns() override {
    std::vector<StoredRun> runs;
    MR_RETURN_IF_ERROR(Guard([&] {
      absl::MutexLock lock(&mutex_);
      // Runs in the order of their start.
      SQLite::Statement rows(database_,
                             "SELECT e.run, e.sequence, e.time_us, e.kind, e.body FROM events e "
                             "JOIN events s ON s.run = e.run AND s.sequence = 0 "
                             "ORDER BY s.time_us, e.run, e.sequence");
      while (rows.executeStep()) {
        const std::string run = rows.getColumn(0);
        if (runs.empty() || runs.back().id != run) runs.push_back({run, {}});
        const absl::Time time = absl::FromUnixMicros(rows.getColumn(2).getInt64());
        absl::StatusOr<Event> event =
            EventFromJson(time, rows.getColumn(3).getString(), rows.getColumn(4).getString());
        const auto expected = static_cast<int64_t>(runs.back().events.size());
        if (!event.ok() || rows.getColumn(1).getInt64() != expected) {
          return absl::DataLossError(
              absl::StrCat("store ", path_, ": run ", run, " event ", expected, ": ",
                           event.ok() ? "is missing" : event.status().message()));
        }
        runs.back().events.push_back(*std::move(event));
      }
      return absl::OkStatus();
    }));
    return runs;
  }

  absl::Status ForgetRun(const std::string& run, const std::string& name, int64_t number) override {
    return Guard([&] {
      absl::MutexLock lock(&mutex_);
      SQLite::Transaction transaction(database_);
      for (const char* table : {"events", "messages"}) {
        SQLite::Statement drop(database_, absl::StrCat("DELETE FROM ", table, " WHERE run = ?"));
        drop.bind(1, run);
        drop.exec();
      }
      SQLite::Statement keep(database_,
                             "INSERT INTO forgotten_runs VALUES (?, ?) ON CONFLICT (name) "
                             "DO UPDATE SET number = max(number, excluded.number)");
      keep.bind(1, name);
      keep.bind(2, number);
      keep.exec();
      transaction.commit();
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::vector<ForgottenRuns>> LoadForgotten() override {
    std::vector<ForgottenRuns> forgotten;
    MR_RETURN_IF_ERROR(Guard([&] {
      absl::MutexLock lock(&mutex_);
      SQLite::Statement rows(database_, "SELECT name, number FROM forgotten_runs ORDER BY name");
      while (rows.executeStep()) {
        forgotten.push_back({rows.getColumn(0), rows.getColumn(1).getInt64()});
      }
      return absl::OkStatus();
    }));
    return forgotten;
  }

  absl::Status PutSite(const SiteRecord& site) override {
    return Guard([&] {
      absl::MutexLock lock(&mutex_);
      SQLite::Statement insert(database_, "INSERT OR REPLACE INTO sites VALUES (?, ?, ?, ?, ?)");
      insert.bind(1, site.name);
      insert.bind(2, absl::ToUnixMicros(site.first_seen));
      insert.bind(3, absl::ToUnixMicros(site.last_seen));
      insert.bind(4, site.version);
      insert.bind(5, site.updates);
      insert.exec();
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::vector<SiteRecord>> LoadSites() override {
    std::vector<SiteRecord> sites;
    MR_RETURN_IF_ERROR(Guard([&] {
      absl::MutexLock lock(&mutex_);
      SQLite::Statement rows(database_, "SELECT * FROM sites ORDER BY name");
      while (rows.executeStep()) {
        sites.push_back({rows.getColumn(0), absl::FromUnixMicros(rows.getColumn(1).getInt64()),
                         absl::FromUnixMicros(rows.getColumn(2).getInt64()), rows.getColumn(3),
                         rows.getColumn(4).getInt64()});
      }
      return absl::OkStatus();
    }));
    return sites;
  }

 private:
  void Insert(const StoredMessage& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    SQLite::Statement insert(database_,
                             "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?)");
    insert.bind(1, message.round.run);
    insert.bind(2, message.round.round);
    insert.bind(3, message.round.attempt);
    insert.bind(4, static_cast<int>(message.phase));
    insert.bind(5, message.site);
    insert.bind(6, message.bytes.data(), static_cast<int>(message.bytes.size()));
    insert.exec();
  }

  /// Runs `body` and turns SQLite's exceptions into a status.
  template <typename Body>
  absl::Status Guard(Body&& body) {
    try {
      return body();
    } catch (const SQLite::Exception& error) {
      return StatusOf(error, path_);
    }
  }

  const std::string path_;
  absl::Mutex mutex_;
  SQLite::Database database_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path) {
  try {
    auto store = std::make_unique<SqliteStore>(path);
    MR_RETURN_IF_ERROR(store->Prepare());
    return store;
  } catch (const SQLite::Exception& error) {
    return StatusOf(error, path);
  }
}

absl::Status CopySqliteStore(const std::string& from, const std::string& to) {
  if (!PosixFileSystem()->Exists(from)) {
    return absl::NotFoundError(absl::StrCat("store ", from, ": is not there"));
  }
  try {
    // Read-only would not do for the log of a coordinator that was killed.
    SQLite::Database source(from, SQLite::OPEN_READWRITE, kBusyTimeoutMs);
    SQLite::Database copy(to, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyTimeoutMs);
    // In one step: one moment, and the log lets others write meanwhile.
    if (SQLite::Backup(copy, source).executeStep(-1) != SQLITE_DONE) {
      return absl::UnavailableError(absl::StrCat("store ", from, ": is busy; try again"));
    }
  } catch (const SQLite::Exception& error) {
    return StatusOf(error, from);
  }
  return PosixFileSystem()->SyncDirectory(DirectoryOf(to));
}

}  // namespace millrace
