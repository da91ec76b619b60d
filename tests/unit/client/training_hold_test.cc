// SPDX-License-Identifier: Apache-2.0
// Real children that take all of a processor that they can get.
#include "client/training/training_hold.h"

#include <signal.h>

#include <fstream>
#include <thread>

#include "client/training/child_process.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::IsStatus;

class TrainingHoldTest : public ::testing::Test {
 protected:
  ~TrainingHoldTest() override { End(); }

  /// A child that burns a processor until it is ended, and is ready once there is a file.
  void Start() {
    working_ = std::thread([this] {
      const std::string pid = PidPath();
      ChildProcessWorker worker(
          {"/bin/sh", "-c",
           "echo $$ > " + pid + ".new; mv " + pid + ".new " + pid + "; while [ ! -e " +
               ReadyPath() + " ]; do :; done; echo ready; while :; do :; done"},
          folder_.path(), /*memory_mb=*/0, &hold_);
      done_ = worker.Do(WorkOrder(), [this](const TrainingProgress&) { return !ended_.load(); });
    });
  }
  void End() {
    ended_ = true;
    if (working_.joinable()) working_.join();
  }
  void LetBeReady() const { std::ofstream(ReadyPath()).flush(); }
  std::string PidPath() const { return folder_.path() + "/pid"; }
  std::string ReadyPath() const { return folder_.path() + "/ready"; }
  /// The letter of /proc that says what the child does; '?': it has not begun to run.
  char StateOfChild() const {
    int pid = 0;
    std::ifstream(PidPath()) >> pid;
    if (pid == 0) return '?';
    std::string text;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), text);
    const size_t name_end = text.rfind(") ");
    return name_end == std::string::npos ? '?' : text[name_end + 2];
  }

  testing::TemporaryFolder folder_;
  TrainingHold hold_;
  std::atomic<bool> ended_ = false;
  std::thread working_;
  absl::StatusOr<WorkResult> done_ = absl::UnknownError("");
};

TEST_F(TrainingHoldTest, ChildThatBurnsAProcessorStandsStillUntilItIsLetGo) {
  LetBeReady();
  Start();
  ASSERT_TRUE(Eventually([&] { return StateOfChild() == 'R'; }));
  hold_.Hold(true);
  EXPECT_TRUE(Eventually([&] { return StateOfChild() == 'T'; }));
  hold_.Hold(false);
  EXPECT_TRUE(Eventually([&] { return StateOfChild() == 'R'; }));
}

TEST_F(TrainingHoldTest, ChildThatStandsStillIsStillCalledOff) {
  LetBeReady();
  Start();
  hold_.Hold(true);
  ASSERT_TRUE(Eventually([&] { return StateOfChild() == 'T'; }));
  End();
  EXPECT_THAT(done_, IsStatus(absl::StatusCode::kCancelled, ::testing::_));
}

TEST_F(TrainingHoldTest, ChildThatStartsMeanwhileStandsStillOnceItWouldDieWithItsParent) {
  hold_.Hold(true);
  Start();
  EXPECT_TRUE(Eventually([&] { return StateOfChild() == 'R'; })) << "it is not ready";
  LetBeReady();
  EXPECT_TRUE(Eventually([&] { return StateOfChild() == 'T'; }));
  hold_.Hold(false);
  EXPECT_TRUE(Eventually([&] { return StateOfChild() == 'R'; }));
}

}  // namespace
}  // namespace millrace
