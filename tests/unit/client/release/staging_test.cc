// SPDX-License-Identifier: Apache-2.0
#include "client/release/staging.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory_file_system.h"
#include "client/release/model_folder.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/toy_package.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::millrace::testing::TemporaryFolder;
using ::millrace::testing::ToyPackage;
using ::millrace::testing::ToyPlanWith;
using ::testing::HasSubstr;

const absl::Time kStagingDay = absl::FromUnixSeconds(1'800'000'000);

class StagingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    site_.state_folder = "/state";
    site_.policy.signatures = 0;
    MachineConfig pump;
    pump.names = {"pump-1"};
    pump.model = "pumps";
    pump.rate_hz = 1;
    for (const char* name : {"current", "speed"}) {
      pump.channels.push_back({.name = name, .unit = "A", .rate_hz = 1, .rules = {}});
    }
    site_.demands.machines = {pump};
    MR_ASSERT_OK(WriteFileDurably(&files_, "/pumps.millrace", ToyPackage(3, 0.5F)));
  }
  absl::StatusOr<v1::PackageManifest> Stage() {
    return StagePackage(&files_, site_, "/pumps.millrace", kStagingDay);
  }

  StagingSite site_;
  MemoryFileSystem files_;
};

TEST_F(StagingTest, PackageIsWhereTheDaemonTakesItUpByteForByte) {
  MR_ASSERT_OK_AND_ASSIGN(const v1::PackageManifest manifest, Stage());
  EXPECT_EQ(manifest.name(), "pumps");
  EXPECT_EQ(manifest.version(), 3);
  ModelFolder folder(&files_, "/state", "pumps");
  EXPECT_TRUE(folder.HasStaged());
  EXPECT_EQ(ReadFile(&files_, "/state/models/pumps/next").value(), ToyPackage(3, 0.5F));
}

TEST_F(StagingTest, WhatTheDaemonWouldRefuseIsRefusedWhereTheOperatorReadsIt) {
  site_.demands.fresh_s = 3;  // a window is four rows at 1 Hz
  EXPECT_THAT(Stage(), IsStatus(absl::StatusCode::kFailedPrecondition,
                                HasSubstr("pumps.millrace: on machine 'pump-1' 4 s lie")));
  site_.demands.fresh_s = 30;
  site_.policy.minimum_version = 4;
  EXPECT_THAT(Stage(),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("minimum_version")));
  site_.policy.minimum_version = 0;
  site_.demands.machines[0].model = "presses";
  EXPECT_THAT(Stage(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("model = \"pumps\"")));
  EXPECT_FALSE(files_.Exists("/state/models/pumps/next"));
}

TEST_F(StagingTest, PackageOfAnotherRateOrUnitIsRefusedWhereTheOperatorReadsIt) {
  const auto put = [this](absl::string_view input_keys) {
    return WriteFileDurably(&files_, "/pumps.millrace",
                            ToyPackage(4, 0.5F, ToyPlanWith(input_keys)));
  };
  MR_ASSERT_OK(put("rate_hz = 10\n"));
  EXPECT_THAT(Stage(), IsStatus(absl::StatusCode::kInvalidArgument,
                                HasSubstr("/pumps.millrace: model 'pumps' is of 10 rows a second, "
                                          "machine 'pump-1' has 1")));
  MR_ASSERT_OK(put("rate_hz = 1\nunits = [\"A\", \"rpm\"]\n"));
  EXPECT_THAT(Stage(), IsStatus(absl::StatusCode::kInvalidArgument,
                                HasSubstr("needs the channel 'speed' in rpm, machine 'pump-1' has "
                                          "it in A")));
  EXPECT_FALSE(files_.Exists("/state/models/pumps/next"));
  MR_ASSERT_OK(put("rate_hz = 1\nunits = [\"A\", \"\"]\n"));
  MR_EXPECT_OK(Stage());
}

TEST_F(StagingTest, PackageThatNeedsAChannelMoreIsRefusedThereToo) {
  site_.demands.machines[0].channels.pop_back();
  EXPECT_THAT(Stage(), IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("'speed'")));
}

TEST(StateOwnerTest, FolderThatIsNotThereIsNotMadeByTheSuperuser) {
  const TemporaryFolder folder;
  const std::string state = folder.path() + "/state";
  EXPECT_THAT(CheckStateOwner(state, 0),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("start the daemon first")));
  MR_EXPECT_OK(CheckStateOwner(state, 1000)) << "who runs the daemon too";
}

TEST(StateOwnerTest, FolderIsWrittenByItsOwnerAlone) {
  const TemporaryFolder folder;
  MR_EXPECT_OK(CheckStateOwner(folder.path(), geteuid()));
  EXPECT_THAT(CheckStateOwner(folder.path(), geteuid() + 1),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("sudo -u ")));
}

TEST(StateOwnerTest, SuperuserLeavesTheFolderOfTheDaemonsUserAlone) {
  if (geteuid() != 0) GTEST_SKIP() << "only the superuser can give a folder away";
  const TemporaryFolder folder;
  constexpr uid_t kNobody = 65534;
  ASSERT_EQ(chown(folder.path().c_str(), kNobody, kNobody), 0);
  EXPECT_THAT(CheckStateOwner(folder.path(), 0),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("belongs to ")));
  ASSERT_EQ(chown(folder.path().c_str(), 0, 0), 0);
}

}  // namespace
}  // namespace millrace
