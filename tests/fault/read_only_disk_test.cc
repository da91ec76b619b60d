// SPDX-License-Identifier: Apache-2.0
// A coordinator's state folder that turns read-only under it, and back: really mounted so, in a
// mount namespace of this test.
#include <gmock/gmock.h>
#include <httplib.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_plan.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::Eventually;
using testing::Fleet;
using ::testing::HasSubstr;
using testing::HeaderOf;
using testing::HonestUpdate;
using testing::IsStatus;
using testing::SendBytes;
using testing::SiteUpdate;
using testing::TakePart;
using testing::TinyPlan;

constexpr absl::StatusCode kNothingTaken = absl::StatusCode::kResourceExhausted;

class ReadOnlyDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    // Whatever is mounted from here on, by this thread or over what it starts, is nobody else's.
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      GTEST_SKIP() << "no mount namespace of its own is permitted here: " << std::strerror(errno);
    }
    ASSERT_TRUE(fleet_.StartCoordinator());
    const std::string log = fleet_.coordinator().Log();
    const size_t line = log.find("metrics are served");
    ASSERT_NE(line, std::string::npos) << log;
    const size_t port = log.find("\"port\":", line);
    ASSERT_EQ(std::sscanf(&log[port], "\"port\":%d", &port_), 1) << log;
  }
  void TearDown() override {
    if (read_only_) TurnWritable();
  }

  /// The folder stands there twice: what is opened from now on is opened in the one on top. Files
  /// that are open stay as they are, without which the kernel would refuse.
  void TurnReadOnly() {
    const std::string state = fleet_.folder() + "/state";
    ASSERT_EQ(::mount(state.c_str(), state.c_str(), nullptr, MS_BIND, nullptr), 0);
    read_only_ = true;
    ASSERT_EQ(::mount(nullptr, state.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr),
              0);
  }
  void TurnWritable() {
    read_only_ = false;
    EXPECT_EQ(::umount2((fleet_.folder() + "/state").c_str(), MNT_DETACH), 0);
  }

  int HealthStatus() {
    const httplib::Result answer = httplib::Client("127.0.0.1", port_).Get("/healthz");
    return answer ? answer->status : 0;
  }
  std::string MetricsText() {
    const httplib::Result answer = httplib::Client("127.0.0.1", port_).Get("/metrics");
    return answer ? answer->body : "";
  }

  int port_ = 0;
  bool read_only_ = false;
  Fleet fleet_{MILLRACE_COORDINATOR, "min_free_mb = 1\n[metrics]\nlisten = \"127.0.0.1:0\"\n"};
};

TEST_F(ReadOnlyDisk, NothingNewIsTakenUntilItCanBeWrittenAgain) {
  TinyPlan plan;
  plan.rounds = 1;
  plan.cohort = "target = 1\nwait_s = 0\n";
  plan.normalization = "none";
  MR_ASSERT_OK(fleet_.as_operator().StartRun(plan.Text()));
  Link link(SiteLink(fleet_.federation(), "press-7", fleet_.port()));
  MR_ASSERT_OK_AND_ASSIGN(const v1::Assignment assignment, testing::AwaitAssignment(link));
  const SiteUpdate update = HonestUpdate("press-7", assignment);
  const auto send = [&] { return SendBytes(link, HeaderOf(assignment, update), update.Bytes()); };

  ASSERT_NO_FATAL_FAILURE(TurnReadOnly());
  EXPECT_THAT(send(), IsStatus(kNothingTaken,
                               AllOf(HasSubstr("site press-7"), HasSubstr("Read-only file"))));
  EXPECT_THAT(fleet_.as_operator().StartRun(plan.Text()),
              IsStatus(kNothingTaken, HasSubstr("takes nothing new")));
  EXPECT_EQ(HealthStatus(), 503);
  EXPECT_THAT(MetricsText(), AllOf(HasSubstr("millrace_storage_writable 0"),
                                   HasSubstr("millrace_updates_accepted_total 0")));

  TurnWritable();
  EXPECT_TRUE(Eventually([&] { return HealthStatus() == 200; })) << fleet_.Logs();
  EXPECT_THAT(MetricsText(), HasSubstr("millrace_storage_writable 1"));
  MR_EXPECT_OK(send());
  EXPECT_THAT(MetricsText(), HasSubstr("millrace_updates_accepted_total 1"));
  MR_EXPECT_OK(TakePart(link, "press-7"));
  EXPECT_EQ(fleet_.AwaitEnd("tiny-1").phase(), v1::RUN_PHASE_FINISHED) << fleet_.Logs();
}

}  // namespace
}  // namespace millrace
