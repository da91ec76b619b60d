// SPDX-License-Identifier: Apache-2.0
#include "client/operation/processors.h"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "client/live_config.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::IsStatus;

class ProcessorsTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    const std::string place = absl::StrCat(folder_.path(), "/", path);
    MR_ASSERT_OK(PosixFileSystem()->CreateDirectories(DirectoryOf(place)));
    MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), place, text));
  }

  const testing::TemporaryFolder folder_;
  const ControlGroups groups_{folder_.path() + "/groups", folder_.path() + "/self"};
};

TEST_F(ProcessorsTest, QuotaIsWholeProcessorsAndAtLeastOne) {
  EXPECT_EQ(ProcessorsOfQuota("350000 100000\n"), 3);
  EXPECT_EQ(ProcessorsOfQuota("20000 100000\n"), 1);
  for (const char* const none : {"max 100000\n", "", "100000", "5 0", "-1 100000", "1 2 3"}) {
    EXPECT_EQ(ProcessorsOfQuota(none), std::nullopt) << none;
  }
}

TEST_F(ProcessorsTest, NoMoreThanTheSmallestQuotaOfTheGroupsAbove) {
  EXPECT_GE(UsableProcessors(groups_), 1) << "where there are no groups";
  Write("self", "9:cpu:/old\n0::/a.service/daemon\n");
  EXPECT_THAT(OwnControlGroup(groups_), IsOkAndHolds(groups_.root + "/a.service/daemon"));
  Write("groups/a.service/daemon/cpu.max", "max 100000\n");
  const int64_t all = UsableProcessors(groups_);
  Write("groups/cpu.max", "100000 100000\n");
  EXPECT_EQ(UsableProcessors(groups_), 1);
  Write("groups/cpu.max", "100000000 100000\n");
  EXPECT_EQ(UsableProcessors(groups_), all);
  Write("groups/a.service/cpu.max", "50000 100000\n");
  EXPECT_EQ(UsableProcessors(groups_), 1);
  Write("self", "9:cpu:/old\n");
  EXPECT_THAT(OwnControlGroup(groups_),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("version 2")));
}

TEST_F(ProcessorsTest, AffinityCounts) {
  int64_t usable = 0;
  std::thread pinned([&] {
    cpu_set_t allowed;
    ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    int first = 0;
    while (!CPU_ISSET(first, &allowed)) ++first;
    CPU_ZERO(&allowed);
    CPU_SET(first, &allowed);
    ASSERT_EQ(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
    usable = UsableProcessors(groups_);
  });
  pinned.join();
  EXPECT_EQ(usable, 1);
}

TEST_F(ProcessorsTest, FileThatTellsNoSizeIsReadToItsEnd) {
  const std::string pipe = folder_.path() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(pipe) << "0::/system.slice\n"; });
  EXPECT_THAT(ReadKernelFile(pipe), IsOkAndHolds("0::/system.slice\n"));
  writer.join();
  EXPECT_THAT(ReadKernelFile(folder_.path() + "/absent"),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("/absent")));
}

TEST_F(ProcessorsTest, AllButOneJudgeUnlessTheFileSaysHowMany) {
  const ServingConfig as_it_is;
  EXPECT_EQ(as_it_is.WorkersOn(1), 1);
  EXPECT_EQ(as_it_is.WorkersOn(2), 1);
  EXPECT_EQ(as_it_is.WorkersOn(8), 7);
  EXPECT_EQ(as_it_is.WorkersOn(1000), ServingConfig::kMostWorkers);
  ServingConfig four;
  four.workers = 4;
  EXPECT_EQ(four.WorkersOn(2), 4);
}

}  // namespace
}  // namespace millrace
