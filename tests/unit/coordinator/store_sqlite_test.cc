// SPDX-License-Identifier: Apache-2.0
// What a database file does to the store: reopened, shared, foreign, damaged, without space.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/file_system.h"
#include "coordinator/store/sqlite_store.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::At;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::kStart;
using testing::TemporaryFolder;

class SqliteStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> Open() const {
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(path_);
    EXPECT_THAT(store, testing::IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/store.sqlite";
  const Event start_ = At(kStart, RunStarted{"plan", Sha256Of("start")});
};

TEST_F(SqliteStoreTest, ReopenedFileHoldsWhatWasAppended) {
  {
    const auto store = Open();
    MR_ASSERT_OK(store->Append("tiny-1", 0, std::span(&start_, 1)));
    MR_ASSERT_OK(store->PutSite({"press-7", kStart, kStart, "0.1", 3}));
  }
  const auto store = Open();
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<StoredRun> runs, store->LoadRuns());
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].id, "tiny-1");
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<SiteRecord> sites, store->LoadSites());
  ASSERT_EQ(sites.size(), 1u);
  EXPECT_EQ(sites[0].updates, 3);
}

TEST_F(SqliteStoreTest, AppendedEventsSurviveAProcessThatDies) {
  const pid_t child = ::fork();
  if (child == 0) {
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(path_);
    if (store.ok() && (*store)->Append("tiny-1", 0, std::span(&start_, 1)).ok()) {
      ::raise(SIGKILL);
    }
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child could not append";
  EXPECT_EQ(Open()->LoadRuns().value().size(), 1u);
}

TEST_F(SqliteStoreTest, PositionTakenByAnotherProcessIsAborted) {
  const auto one = Open();
  const auto other = Open();
  MR_ASSERT_OK(one->Append("tiny-1", 0, std::span(&start_, 1)));
  EXPECT_THAT(other->Append("tiny-1", 0, std::span(&start_, 1)),
              IsStatus(absl::StatusCode::kAborted, HasSubstr(path_)));
}

TEST_F(SqliteStoreTest, EveryCommitIsSynced) {
  Open();
  SQLite::Database database(path_, SQLite::OPEN_READONLY);
  EXPECT_EQ(database.execAndGet("PRAGMA journal_mode").getString(), "wal");
}

TEST_F(SqliteStoreTest, NewerSchemaIsRefusedWithBothVersions) {
  Open();
  SQLite::Database(path_, SQLite::OPEN_READWRITE).exec("PRAGMA user_version=99");
  EXPECT_THAT(OpenSqliteStore(path_),
              IsStatus(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr(path_), HasSubstr("99"), HasSubstr("newer than"))));
}

TEST_F(SqliteStoreTest, FileOfAnotherKindIsDataLossNamingIt) {
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), path_, std::string(8192, 'x')));
  EXPECT_THAT(OpenSqliteStore(path_), IsStatus(absl::StatusCode::kDataLoss, HasSubstr(path_)));
}

TEST_F(SqliteStoreTest, DamagedPagesAreDataLossNamingTheFile) {
  {
    const auto store = Open();
    const std::vector<Event> many(200, start_);
    MR_ASSERT_OK(store->Append("tiny-1", 0, many));
  }
  MR_ASSERT_OK_AND_ASSIGN(std::string bytes, ReadFile(PosixFileSystem(), path_));
  constexpr size_t kPage = 4096;  // the first one, with the schema, stays
  ASSERT_GT(bytes.size(), 4 * kPage);
  std::fill(bytes.begin() + kPage, bytes.end(), '\xee');
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), path_, bytes));
  EXPECT_THAT(OpenSqliteStore(path_),
              IsStatus(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr(path_), HasSubstr("millrace restore"))));
}

TEST_F(SqliteStoreTest, EventThatDoesNotParseIsDataLossNamingRunAndEvent) {
  MR_ASSERT_OK(Open()->Append("tiny-1", 0, std::span(&start_, 1)));
  SQLite::Database(path_, SQLite::OPEN_READWRITE).exec("UPDATE events SET body = '{}'");
  EXPECT_THAT(Open()->LoadRuns(),
              IsStatus(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr(path_), HasSubstr("tiny-1"), HasSubstr("event 0"))));
}

TEST_F(SqliteStoreTest, FolderThatIsMissingIsNamed) {
  EXPECT_THAT(OpenSqliteStore(folder_.path() + "/absent/store.sqlite"),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("absent/store.sqlite")));
}

/// Files of this process may not grow beyond a size: a disk without space, as a test can have it.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);  // the write fails with EFBIG instead
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  void (*old_handler_)(int);
  rlimit old_;
};

TEST_F(SqliteStoreTest, WithoutSpaceNothingIsAppendedAndTheStoreGoesOnLater) {
  const auto store = Open();
  MR_ASSERT_OK(store->Append("tiny-1", 0, std::span(&start_, 1)));
  const std::vector<Event> large(64, At(kStart, RunStarted{std::string(1 << 14, 'x'), {}}));
  {
    const FileSizeLimit limit(256 << 10);
    const absl::Status status = store->Append("tiny-1", 1, large);
    // SQLite tells EFBIG from ENOSPC: a fault of the disk in either case.
    EXPECT_TRUE(absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
  }
  EXPECT_EQ(store->LoadRuns().value()[0].events.size(), 1u);
  MR_EXPECT_OK(store->Append("tiny-1", 1, large));
}

}  // namespace
}  // namespace millrace
