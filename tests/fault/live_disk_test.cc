// SPDX-License-Identifier: Apache-2.0
// The disk of a running daemon's recordings and captures fills up, for real: a small one of their
// own, in a mount namespace of this test.
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "tests/fault/watched_plant.h"
#include "tests/testing/eventually.h"

namespace millrace {
namespace {

using testing::Eventually;
using ::testing::HasSubstr;

constexpr char kOnSmallDisk[] = R"([store]
folder = "small/recordings"
[capture]
folder = "small/captures"
before_s = 1
after_s = 1
)";

class SmallDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // Whatever is mounted from here on, by this thread or over what it starts, is nobody else's.
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      GTEST_SKIP() << "no mount namespace of its own is permitted here: " << std::strerror(errno);
    }
    std::filesystem::create_directory(small());
    if (::mount("tmpfs", small().c_str(), "tmpfs", 0, "size=2m,mode=700") != 0) {
      GTEST_SKIP() << "no disk in memory is permitted here: " << std::strerror(errno);
    }
    mounted_ = true;
    plant_.Start(MILLRACE_CLIENT);
  }
  void TearDown() override {
    if (mounted_) {
      EXPECT_EQ(::umount2(small().c_str(), MNT_DETACH), 0);
    }
  }

  std::string small() const { return plant_.folder() + "/small"; }
  /// Until nothing more goes onto it.
  void FillUp() const {
    std::ofstream ballast(small() + "/ballast", std::ios::binary | std::ios::app);
    const std::string piece(4096, 'x');
    while (ballast.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush()) {
    }
  }
  void MakeRoom() const { std::filesystem::remove(small() + "/ballast"); }
  bool Press() const {
    testing::Process take(
        {MILLRACE_CLIENT, "captures", "--config", plant_.folder() + "/site.toml", "take", "pump-1"},
        plant_.folder() + "/take.log");
    return take.AwaitExit() == 0;
  }

  bool mounted_ = false;
  WatchedPlant plant_{kOnSmallDisk};
};

TEST_F(SmallDiskTest, ThatIsFullCostsRecordingsAndNoVerdictAndIsUsedAgainOnceThereIsRoom) {
  ASSERT_TRUE(plant_.IsRecordedFor(10)) << plant_.daemon().Log();
  ASSERT_TRUE(plant_.IsJudgedAgain()) << plant_.daemon().Log();
  EXPECT_EQ(plant_.Get("/healthz"), "ok\n");

  ASSERT_TRUE(Eventually([&] {
    FillUp();  // also what the daemon gives up
    plant_.GoOn();
    return absl::StrContains(plant_.Get("/healthz"), "recordings have gaps");
  })) << plant_.daemon().Log();
  EXPECT_THAT(plant_.daemon().Log(), HasSubstr("No space left"));
  EXPECT_TRUE(plant_.IsJudgedAgain()) << plant_.daemon().Log();

  MakeRoom();
  ASSERT_TRUE(Eventually([&] {
    plant_.GoOn();
    return plant_.Metric("millrace_recording_complete") == 1;
  })) << plant_.daemon().Log();
  EXPECT_EQ(plant_.Get("/healthz"), "ok\n");
  const double captured = plant_.Metric("millrace_captures{trigger=\"button\"}");
  EXPECT_TRUE(Press());
  EXPECT_TRUE(Eventually([&] {
    plant_.GoOn();
    return plant_.Metric("millrace_captures{trigger=\"button\"}") == captured + 1;
  })) << plant_.daemon().Log();
  EXPECT_TRUE(plant_.IsJudgedAgain());
}

}  // namespace
}  // namespace millrace
