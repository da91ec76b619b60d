// SPDX-License-Identifier: Apache-2.0
#include "base/folder_lock.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::TemporaryFolder;

TEST(FolderLock, SecondOwnerIsRefusedNamingFolderAndProcess) {
  const TemporaryFolder folder;
  MR_ASSERT_OK_AND_ASSIGN(const auto first, FolderLock::Take(folder.path()));
  EXPECT_THAT(FolderLock::Take(folder.path()),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(folder.path()),
                             HasSubstr(absl::StrCat("process ", ::getpid(), ";")))));
}

TEST(FolderLock, FolderIsFreeAgainOnceTheOwnerLetsGo) {
  const TemporaryFolder folder;
  MR_ASSERT_OK(FolderLock::Take(folder.path()));
  MR_EXPECT_OK(FolderLock::Take(folder.path()));
}

TEST(FolderLock, MissingFolderIsMade) {
  const TemporaryFolder folder;
  MR_EXPECT_OK(FolderLock::Take(folder.path() + "/new/state"));
}

TEST(FolderLock, DiskThatIsFullKeepsNobodyOut) {
  const TemporaryFolder folder;
  rlimit usual;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &usual), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit no_space{0, usual.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &no_space), 0);
  const auto lock = FolderLock::Take(folder.path());
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &usual), 0);
  std::signal(SIGXFSZ, old_handler);
  MR_ASSERT_OK(lock);
  EXPECT_THAT(FolderLock::Take(folder.path()),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr(folder.path())));
}

TEST(FolderLock, FolderThatCannotBeMadeIsNamed) {
  const TemporaryFolder folder;
  const std::string file = folder.path() + "/file";
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), file, "in the way"));
  EXPECT_THAT(FolderLock::Take(file), ::testing::Not(testing::IsOk()));
  EXPECT_THAT(FolderLock::Take(file).status().message(), HasSubstr(file));
}

TEST(FolderLock, ProcessThatIsKilledLeavesTheFolderFree) {
  const TemporaryFolder folder;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t owner = ::fork();
  if (owner == 0) {
    const auto lock = FolderLock::Take(folder.path());
    const char answer = lock.ok() ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) != 1) std::_Exit(1);
    ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  EXPECT_THAT(FolderLock::Take(folder.path()),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       HasSubstr(absl::StrCat("process ", owner, ";"))));
  ::kill(owner, SIGKILL);
  ::waitpid(owner, nullptr, 0);
  MR_EXPECT_OK(FolderLock::Take(folder.path()));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(FolderLock, ChildThatOutlivesTheOwnerDoesNotKeepTheFolder) {
  const TemporaryFolder folder;
  const std::string beside = folder.path() + "/state";
  pid_t child = 0;
  {
    MR_ASSERT_OK_AND_ASSIGN(const auto lock, FolderLock::Take(beside));
    child = ::fork();
    if (child == 0) {
      ::execlp("sleep", "sleep", "60", nullptr);
      std::_Exit(1);
    }
    // Once it runs the other program its copies of our files are closed.
    const std::string name = absl::StrCat("/proc/", child, "/comm");
    std::string running;
    while (running != "sleep\n") {
      std::FILE* file = std::fopen(name.c_str(), "r");
      ASSERT_NE(file, nullptr);
      char text[32] = {};
      running = std::fgets(text, sizeof(text), file) != nullptr ? text : "";
      std::fclose(file);
    }
  }
  MR_EXPECT_OK(FolderLock::Take(beside));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace millrace
