// SPDX-License-Identifier: Apache-2.0
#include "coordinator/enrollment/enrollment_store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"

namespace millrace {
namespace {

// The engine's store writes to the same file. A transaction that reads first and writes then would
// not wait for it, but fail.
constexpr SQLite::TransactionBehavior kWrites = SQLite::TransactionBehavior::IMMEDIATE;

constexpr int kBusyTimeoutMs = 5000;

constexpr char kSchema[] = R"sql(
  CREATE TABLE IF NOT EXISTS invitations (
    token BLOB PRIMARY KEY,
    site TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    used_by BLOB
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS certificate_cases (
    key BLOB PRIMARY KEY,
    site TEXT NOT NULL,
    state INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    signing_request BLOB NOT NULL,
    proof BLOB NOT NULL,
    present BLOB NOT NULL,
    signature BLOB NOT NULL,
    certificate BLOB NOT NULL,
    reason TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS trust_statements (
    number INTEGER PRIMARY KEY,
    authorities TEXT NOT NULL,
    signature BLOB NOT NULL
  );
  CREATE TABLE IF NOT EXISTS revocation_list (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    pem TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS restored (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    time_us INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS audit (
    sequence INTEGER PRIMARY KEY,
    time_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    result TEXT NOT NULL,
    hash BLOB NOT NULL
  );
  CREATE TRIGGER IF NOT EXISTS audit_is_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
  CREATE TRIGGER IF NOT EXISTS audit_is_not_shortened BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
)sql";

absl::Status StatusOf(const SQLite::Exception& error, const std::string& path) {
  const std::string message = absl::StrCat("enrollment store ", path, ": ", error.what());
  switch (error.getErrorCode()) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return absl::ResourceExhaustedError(message);
    case SQLITE_CONSTRAINT:
      return absl::AbortedError(message);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return absl::DataLossError(message);
    default:
      return absl::UnavailableError(message);
  }
}

void BindBytes(SQLite::Statement& statement, int index, const std::string& bytes) {
  statement.bind(index, bytes.data(), static_cast<int>(bytes.size()));
}

absl::StatusOr<Digest> DigestOf(const SQLite::Column& column) {
  return Digest::FromBytes(column.getString());
}

absl::StatusOr<CertificateCase> CaseOf(SQLite::Statement& row) {
  CertificateCase found;
  MR_ASSIGN_OR_RETURN(found.key, DigestOf(row.getColumn(0)));
  found.site = row.getColumn(1).getString();
  found.state = static_cast<RequestState>(row.getColumn(2).getInt());
  found.created = absl::FromUnixMicros(row.getColumn(3).getInt64());
  found.signing_request = row.getColumn(4).getString();
  found.proof = row.getColumn(5).getString();
  found.present = row.getColumn(6).getString();
  found.signature = row.getColumn(7).getString();
  found.certificate = row.getColumn(8).getString();
  found.reason = row.getColumn(9).getString();
  return found;
}

class SqliteEnrollmentStore final : public EnrollmentStore {
 public:
  SqliteEnrollmentStore(const std::string& path, std::function<void(const absl::Status&)> on_fault)
      : path_(path),
        on_fault_(std::move(on_fault)),
        database_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyTimeoutMs) {}

  absl::Status Prepare() {
    return Guard([&] {
      database_.exec("PRAGMA journal_mode=WAL");
      database_.exec("PRAGMA synchronous=FULL");
      database_.exec(kSchema);
      return absl::OkStatus();
    });
  }

  absl::Status PutInvitation(const Invitation& invitation) override {
    return Guard([&] {
      SQLite::Transaction transaction(database_, kWrites);
      SQLite::Statement drop(database_,
                             "DELETE FROM invitations WHERE site = ? AND used_by IS NULL");
      drop.bind(1, invitation.site);
      drop.exec();
      SQLite::Statement insert(database_, "INSERT INTO invitations VALUES (?, ?, ?, ?, NULL)");
      BindBytes(insert, 1, invitation.token.ToBytes());
      insert.bind(2, invitation.site);
      insert.bind(3, absl::ToUnixMicros(invitation.created));
      insert.bind(4, absl::ToUnixMicros(invitation.expires));
      insert.exec();
      transaction.commit();
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::optional<Invitation>> FindInvitation(const Digest& token) override {
    std::optional<Invitation> found;
    MR_RETURN_IF_ERROR(Guard([&]() -> absl::Status {
      SQLite::Statement row(database_,
                            "SELECT site, created_us, expires_us, used_by FROM invitations "
                            "WHERE token = ?");
      BindBytes(row, 1, token.ToBytes());
      if (!row.executeStep()) return absl::OkStatus();
      found = Invitation{row.getColumn(0).getString(), token,
                         absl::FromUnixMicros(row.getColumn(1).getInt64()),
                         absl::FromUnixMicros(row.getColumn(2).getInt64()), std::nullopt};
      if (row.getColumn(3).isNull()) return absl::OkStatus();
      MR_ASSIGN_OR_RETURN(found->used_by, DigestOf(row.getColumn(3)));
      return absl::OkStatus();
    }));
    return found;
  }

  absl::Status DropInvitations(absl::Time time) override {
    return Guard([&] {
      SQLite::Statement drop(database_, "DELETE FROM invitations WHERE expires_us < ?");
      drop.bind(1, absl::ToUnixMicros(time));
      drop.exec();
      return absl::OkStatus();
    });
  }

  absl::Status Redeem(const Digest& token, const CertificateCase& opened) override {
    return Guard([&]() -> absl::Status {
      SQLite::Transaction transaction(database_, kWrites);
      SQLite::Statement use(database_,
                            "UPDATE invitations SET used_by = ? WHERE token = ? AND used_by IS "
                            "NULL");
      BindBytes(use, 1, opened.key.ToBytes());
      BindBytes(use, 2, token.ToBytes());
      if (use.exec() != 1) {
        return absl::AbortedError(
            absl::StrCat("invitation of site ", opened.site, ": was used meanwhile"));
      }
      Replace(opened);
      transaction.commit();
      return absl::OkStatus();
    });
  }

  absl::Status PutCase(const CertificateCase& changed) override {
    return Guard([&] {
      SQLite::Transaction transaction(database_, kWrites);
      Replace(changed);
      transaction.commit();
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::optional<CertificateCase>> FindCase(const Digest& key) override {
    std::optional<CertificateCase> found;
    MR_RETURN_IF_ERROR(Guard([&]() -> absl::Status {
      SQLite::Statement row(database_, "SELECT * FROM certificate_cases WHERE key = ?");
      BindBytes(row, 1, key.ToBytes());
      if (!row.executeStep()) return absl::OkStatus();
      MR_ASSIGN_OR_RETURN(found, CaseOf(row));
      return absl::OkStatus();
    }));
    return found;
  }

  absl::Status DropCase(const Digest& key) override {
    return Guard([&] {
      SQLite::Statement drop(database_, "DELETE FROM certificate_cases WHERE key = ?");
      BindBytes(drop, 1, key.ToBytes());
      drop.exec();
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::vector<CertificateCase>> LoadCases() override {
    std::vector<CertificateCase> cases;
    MR_RETURN_IF_ERROR(Guard([&]() -> absl::Status {
      SQLite::Statement rows(database_,
                             "SELECT * FROM certificate_cases ORDER BY site, created_us");
      while (rows.executeStep()) {
        MR_ASSIGN_OR_RETURN(cases.emplace_back(), CaseOf(rows));
      }
      return absl::OkStatus();
    }));
    return cases;
  }

  absl::Status PutStatement(const SignedTrust& statement) override {
    MR_ASSIGN_OR_RETURN(const std::string pem, AuthoritiesPem(statement.next));
    return Guard([&] {
      SQLite::Statement insert(database_, "INSERT INTO trust_statements VALUES (?, ?, ?)");
      insert.bind(1, statement.next.number);
      insert.bind(2, pem);
      BindBytes(insert, 3, statement.signature);
      insert.exec();
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::vector<SignedTrust>> LoadStatements() override {
    std::vector<SignedTrust> statements;
    MR_RETURN_IF_ERROR(Guard([&]() -> absl::Status {
      SQLite::Statement rows(database_,
                             "SELECT authorities, signature FROM trust_statements ORDER BY number");
      while (rows.executeStep()) {
        SignedTrust& statement = statements.emplace_back();
        MR_ASSIGN_OR_RETURN(statement.next, ParseAuthorities(rows.getColumn(0).getString()));
        statement.signature = rows.getColumn(1).getString();
      }
      return absl::OkStatus();
    }));
    return statements;
  }

  absl::Status PutRevocationList(const std::string& pem) override {
    return Guard([&] {
      SQLite::Transaction transaction(database_, kWrites);
      SQLite::Statement insert(database_, "INSERT OR REPLACE INTO revocation_list VALUES (1, ?)");
      insert.bind(1, pem);
      insert.exec();
      database_.exec("DELETE FROM restored");
      transaction.commit();
      return absl::OkStatus();
    });
  }

  absl::Status MarkRestored(absl::Time time) override {
    return Guard([&] {
      SQLite::Statement insert(database_, "INSERT OR REPLACE INTO restored VALUES (1, ?)");
      insert.bind(1, absl::ToUnixMicros(time));
      insert.exec();
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::optional<absl::Time>> LoadRestored() override {
    std::optional<absl::Time> restored;
    MR_RETURN_IF_ERROR(Guard([&] {
      SQLite::Statement row(database_, "SELECT time_us FROM restored");
      if (row.executeStep()) restored = absl::FromUnixMicros(row.getColumn(0).getInt64());
      return absl::OkStatus();
    }));
    return restored;
  }

  absl::StatusOr<std::string> LoadRevocationList() override {
    std::string pem;
    MR_RETURN_IF_ERROR(Guard([&] {
      SQLite::Statement row(database_, "SELECT pem FROM revocation_list");
      if (row.executeStep()) pem = row.getColumn(0).getString();
      return absl::OkStatus();
    }));
    return pem;
  }

  absl::Status AppendAudit(AuditEntry entry) override {
    return Guard([&]() -> absl::Status {
      SQLite::Transaction transaction(database_, kWrites);
      SQLite::Statement last(database_,
                             "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1");
      Digest previous;
      entry.sequence = 1;
      if (last.executeStep()) {
        entry.sequence = last.getColumn(0).getInt64() + 1;
        MR_ASSIGN_OR_RETURN(previous, DigestOf(last.getColumn(1)));
      }
      SQLite::Statement insert(database_, "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)");
      insert.bind(1, entry.sequence);
      insert.bind(2, absl::ToUnixMicros(entry.time));
      insert.bind(3, entry.actor);
      insert.bind(4, entry.action);
      insert.bind(5, entry.object);
      insert.bind(6, entry.result);
      BindBytes(insert, 7, AuditHash(previous, entry).ToBytes());
      insert.exec();
      transaction.commit();
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::vector<AuditEntry>> LoadAudit(int64_t after, int64_t limit) override {
    std::vector<AuditEntry> entries;
    MR_RETURN_IF_ERROR(Guard([&]() -> absl::Status {
      SQLite::Statement rows(database_,
                             "SELECT * FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?");
      rows.bind(1, after);
      rows.bind(2, limit);
      while (rows.executeStep()) {
        entries.push_back({rows.getColumn(0).getInt64(),
                           absl::FromUnixMicros(rows.getColumn(1).getInt64()),
                           rows.getColumn(2),
                           rows.getColumn(3),
                           rows.getColumn(4),
                           rows.getColumn(5),
                           {}});
        MR_ASSIGN_OR_RETURN(entries.back().hash, DigestOf(rows.getColumn(6)));
      }
      return absl::OkStatus();
    }));
    return entries;
  }

 private:
  void Replace(const CertificateCase& changed) {
    if (changed.state == RequestState::kPending) {
      SQLite::Statement drop(database_,
                             "DELETE FROM certificate_cases WHERE site = ? AND state = ? AND "
                             "(length(present) > 0) = ?");
      drop.bind(1, changed.site);
      drop.bind(2, static_cast<int>(RequestState::kPending));
      drop.bind(3, changed.is_renewal() ? 1 : 0);
      drop.exec();
    }
    SQLite::Statement insert(
        database_,
        "INSERT OR REPLACE INTO certificate_cases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    BindBytes(insert, 1, changed.key.ToBytes());
    insert.bind(2, changed.site);
    insert.bind(3, static_cast<int>(changed.state));
    insert.bind(4, absl::ToUnixMicros(changed.created));
    BindBytes(insert, 5, changed.signing_request);
    BindBytes(insert, 6, changed.proof);
    BindBytes(insert, 7, changed.present);
    BindBytes(insert, 8, changed.signature);
    BindBytes(insert, 9, changed.certificate);
    insert.bind(10, changed.reason);
    insert.exec();
  }

  /// Runs `body` under the lock and turns SQLite's exceptions into a status.
  template <typename Body>
  absl::Status Guard(Body&& body) {
    absl::MutexLock lock(&mutex_);
    try {
      return body();
    } catch (const SQLite::Exception& error) {
      const absl::Status fault = StatusOf(error, path_);
      if (on_fault_) on_fault_(fault);
      return fault;
    }
  }

  const std::string path_;
  const std::function<void(const absl::Status&)> on_fault_;
  absl::Mutex mutex_;
  SQLite::Database database_;  // guarded by mutex_, which Guard holds
};

}  // namespace

absl::StatusOr<std::unique_ptr<EnrollmentStore>> OpenSqliteEnrollmentStore(
    const std::string& path, std::function<void(const absl::Status&)> on_fault) {
  try {
    auto store = std::make_unique<SqliteEnrollmentStore>(path, std::move(on_fault));
    MR_RETURN_IF_ERROR(store->Prepare());
    return store;
  } catch (const SQLite::Exception& error) {
    return StatusOf(error, path);
  }
}

}  // namespace millrace
