// SPDX-License-Identifier: Apache-2.0
// The daemon's side of the training process, with shell scripts in its place.
#include "client/training/child_process.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "client/data/site_message.h"
#include "millrace/internal/work.pb.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;
using ::testing::Not;

constexpr int64_t kNoLimit = 0;

bool GoOn(const TrainingProgress&) { return true; }

class ChildProcess : public ::testing::Test {
 protected:
  absl::StatusOr<WorkResult> Run(
      const std::string& script, int64_t memory_mb = kNoLimit,
      const std::function<bool(const TrainingProgress&)>& on_progress = GoOn) {
    ChildProcessWorker worker({"/bin/sh", "-c", script}, Folder(), memory_mb);
    return worker.Do(WorkOrder(), on_progress);
  }
  /// A script that says it is done so.
  static std::string Result(const internal::WorkResult& result) {
    return absl::StrCat("printf 'result ", absl::BytesToHexString(result.SerializeAsString()),
                        "\\n'");
  }
  std::string Folder() const { return folder_.path() + "/state"; }

  const testing::TemporaryFolder folder_;
};

TEST_F(ChildProcess, ResultComesThroughThePipeBesideWhateverElseIsPrinted) {
  internal::WorkResult result;
  result.set_weight(41);
  MR_ASSERT_OK_AND_ASSIGN(const WorkResult done,
                          Run("echo progress 1 2 0.5; echo noise; " + Result(result)));
  EXPECT_EQ(done.weight, 41);
}

TEST_F(ChildProcess, FailureKeepsItsWordsAndWhatMayLeaveOfThem) {
  internal::WorkResult result;
  result.set_code(static_cast<int>(absl::StatusCode::kResourceExhausted));
  result.set_message("write /state/update.tmp: No space left on device");
  result.set_public_text("no space");
  const absl::Status failure = Run(Result(result) + "; exit 1").status();
  EXPECT_THAT(failure,
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("/state/update.tmp: No")));
  EXPECT_EQ(PublicText(failure), "no space");
}

TEST_F(ChildProcess, ChildThatEndsWithoutAResultIsNamedByItsEnd) {
  EXPECT_THAT(Run("exit 3"), IsStatus(absl::StatusCode::kAborted,
                                      AllOf(HasSubstr("exit status 3"), Not(HasSubstr("limit")))));
  EXPECT_THAT(Run("kill -ABRT $$"), IsStatus(absl::StatusCode::kAborted, HasSubstr("signal 6")));
}

TEST_F(ChildProcess, ChildThatOthersKillIsStartedOverOnce) {
  internal::WorkResult result;
  result.set_weight(41);
  const std::string tries = Folder() + "/tries";
  const std::string count = absl::StrCat("echo x >> ", tries, "; ");
  const std::string dies_once =
      absl::StrCat(count, "[ $(wc -l < ", tries, ") = 1 ] && kill -KILL $$; ", Result(result));
  MR_ASSERT_OK_AND_ASSIGN(const WorkResult done, Run(dies_once));
  EXPECT_EQ(done.weight, 41);

  std::filesystem::remove(tries);
  EXPECT_THAT(Run(count + "kill -KILL $$"),
              IsStatus(absl::StatusCode::kAborted, HasSubstr("signal 9")));
  EXPECT_EQ(ReadFile(PosixFileSystem(), tries).value_or(""), "x\nx\n");
}

TEST_F(ChildProcess, LimitIsNamedWhereMemoryMayHaveBeenShort) {
  const auto names_limit = HasSubstr("[training] memory_mb = 64");
  EXPECT_THAT(Run("kill -ABRT $$", 64), IsStatus(absl::StatusCode::kAborted, names_limit));
  internal::WorkResult result;
  result.set_code(static_cast<int>(absl::StatusCode::kInternal));
  result.set_message("LibTorch failed in training: std::bad_alloc");
  EXPECT_THAT(Run(Result(result), 64), IsStatus(absl::StatusCode::kInternal, names_limit));
}

TEST_F(ChildProcess, WorkThatIsCalledOffIsKilled) {
  EXPECT_THAT(Run("echo progress 1 1 0.5; exec sleep 600", kNoLimit,
                  [](const TrainingProgress&) { return false; }),
              IsStatus(absl::StatusCode::kCancelled, HasSubstr("called off")));
}

TEST_F(ChildProcess, InheritsNothingButItsStandardStreams) {
  const int left_open = ::dup(STDERR_FILENO);  // as a library may leave a socket
  internal::WorkResult result;
  result.set_weight(1);
  const std::string inherited = absl::StrCat("/proc/$$/fd/", left_open);
  MR_EXPECT_OK(Run(absl::StrCat("[ -e ", inherited, " ] || ", Result(result))));
  ::close(left_open);
}

TEST(ServeWorkOrderDeathTest, DoesNothingForAParentThatIsGone) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto serve = [] {
    int ends[2];
    if (::pipe(ends) != 0) std::_Exit(2);
    ::close(ends[0]);
    ::dup2(ends[1], STDOUT_FILENO);
    std::_Exit(ServeWorkOrder("order", []() -> absl::StatusOr<std::unique_ptr<Worker>> {
      std::_Exit(3);  // it has begun
    }));
  };
  EXPECT_EXIT(serve(), ::testing::ExitedWithCode(1), "");
}

TEST_F(ChildProcess, FolderThatWasRemovedIsMadeAgain) {
  internal::WorkResult result;
  result.set_weight(1);
  for (int i = 0; i < 2; ++i) {
    MR_EXPECT_OK(Run(Result(result)));
    std::filesystem::remove_all(Folder());
  }
}

}  // namespace
}  // namespace millrace
