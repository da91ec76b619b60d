// SPDX-License-Identifier: Apache-2.0
#include "client/capture_button.h"

#include <gmock/gmock.h>

#include <utility>
#include <vector>

#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ManualLiveClock;
using ::testing::Pair;

class CaptureButtonTest : public ::testing::Test {
 protected:
  HttpAnswer Press(const std::string& machine, const std::string& note = "") {
    return button_.Press({{{"machine", machine}}, note});
  }

  ManualLiveClock clock_;
  absl::Status status_;
  std::vector<std::pair<std::string, std::string>> captured_;
  CaptureButton button_{[this](const std::string& machine, const std::string& note) {
                          if (status_.ok()) captured_.emplace_back(machine, note);
                          return status_;
                        },
                        &clock_};
};

TEST_F(CaptureButtonTest, CapturesTheMachineWithItsNote) {
  EXPECT_EQ(Press("pump-1", "strange noise\n").status, 202);
  EXPECT_EQ(Press("pump-2").status, 202);
  EXPECT_THAT(captured_, ElementsAre(Pair("pump-1", "strange noise"), Pair("pump-2", "")));
}

TEST_F(CaptureButtonTest, NoteIsOneLineOfText) {
  EXPECT_EQ(Press("pump-1", "\xff\x1b[2J" + std::string(5000, 'a')).status, 202);
  EXPECT_EQ(captured_[0].second.find('\x1b'), std::string::npos);
  EXPECT_LT(captured_[0].second.size(), 1100);
}

TEST_F(CaptureButtonTest, SaysWhatIsWrong) {
  const HttpAnswer nobody = button_.Press({{}, ""});
  EXPECT_EQ(nobody.status, 400);
  EXPECT_THAT(nobody.body, HasSubstr("machine=NAME"));
  status_ = absl::NotFoundError("machine 'pump-\x1b' is none");
  const HttpAnswer unknown = Press("pump-\x1b");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.body.find('\x1b'), std::string::npos);
  status_ = absl::UnavailableError("nothing is captured");
  EXPECT_EQ(Press("pump-1").status, 503);
  EXPECT_THAT(captured_, IsEmpty());
}

TEST_F(CaptureButtonTest, IsHeldDownToNoAvail) {
  for (int i = 0; i < 100; ++i) Press("pump-1");
  EXPECT_EQ(captured_.size(), 10);
  const HttpAnswer refused = Press("pump-1");
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr("again in 10 s"));
  clock_.now_ns += 10 * kNsPerS;
  EXPECT_EQ(Press("pump-1").status, 202);
  EXPECT_EQ(Press("pump-1").status, 429);
}

}  // namespace
}  // namespace millrace
