// SPDX-License-Identifier: Apache-2.0
// Against a folder with the kernel's files: what is written where. The kernel itself wants a
// delegated group, which a test rarely has.
#include "client/training/control_group.h"

#include <gmock/gmock.h>

#include "base/file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;

class ControlGroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* const name :
         {"/daemon/cgroup.procs", "/cgroup.subtree_control", "/training/cgroup.procs",
          "/training/cpu.weight", "/training/cpu.max", "/training/memory.max"}) {
      MR_ASSERT_OK(files_->CreateDirectories(DirectoryOf(service_ + name)));
      MR_ASSERT_OK(WriteFileDurably(files_, service_ + name, ""));
    }
  }
  void BeIn(const std::string& group) {
    MR_ASSERT_OK(WriteFileDurably(files_, groups_.self, "1:name=systemd:/\n0::" + group + "\n"));
  }
  std::string Read(const std::string& name) { return ReadFile(files_, service_ + name).value(); }

  const testing::TemporaryFolder folder_;
  FileSystem* const files_ = PosixFileSystem();
  const ControlGroups groups_{folder_.path(), folder_.path() + "/self"};
  const std::string service_ = folder_.path() + "/system.slice/millrace-client.service";
};

TEST_F(ControlGroupTest, DaemonDividesItsGroupAndLimitsTraining) {
  BeIn("/system.slice/millrace-client.service");
  MR_ASSERT_OK(MakeTrainingGroup({.memory_mb = 512, .cpu_percent = 150}, groups_));
  EXPECT_EQ(Read("/daemon/cgroup.procs"), "0");
  EXPECT_EQ(Read("/cgroup.subtree_control"), "+cpu +memory");
  EXPECT_EQ(Read("/training/cpu.weight"), "10");
  EXPECT_EQ(Read("/training/cpu.max"), "150000 100000");
  EXPECT_EQ(Read("/training/memory.max"), "536870912");
}

TEST_F(ControlGroupTest, WithoutLimitsTrainingOnlyYields) {
  BeIn("/system.slice/millrace-client.service");
  MR_ASSERT_OK(MakeTrainingGroup({}, groups_));
  EXPECT_EQ(Read("/training/cpu.weight"), "10");
  EXPECT_EQ(Read("/training/cpu.max"), "max 100000");
  EXPECT_EQ(Read("/training/memory.max"), "max");
}

TEST_F(ControlGroupTest, TrainingJoinsTheGroupBesideItsDaemon) {
  BeIn("/system.slice/millrace-client.service/daemon");
  MR_ASSERT_OK(JoinTrainingGroup(groups_));
  EXPECT_EQ(Read("/training/cgroup.procs"), "0");
}

TEST_F(ControlGroupTest, OutsideAServiceNothingIsTouched) {
  BeIn("/user.slice/session-1.scope");
  EXPECT_THAT(MakeTrainingGroup({.memory_mb = 512}, groups_),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("session-1.scope")));
  MR_EXPECT_OK(JoinTrainingGroup(groups_));
  EXPECT_EQ(Read("/training/cgroup.procs"), "");
}

TEST_F(ControlGroupTest, MachineWithoutVersionTwoIsNamed) {
  MR_ASSERT_OK(WriteFileDurably(files_, groups_.self, "1:name=systemd:/init.scope\n"));
  EXPECT_THAT(MakeTrainingGroup({}, groups_),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("version 2")));
}

}  // namespace
}  // namespace millrace
