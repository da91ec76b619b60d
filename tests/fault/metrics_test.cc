// SPDX-License-Identifier: Apache-2.0
// What a running coordinator tells those who watch it.
#include <gmock/gmock.h>
#include <httplib.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>

#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_plan.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::TakePart;

class MetricsOfAFleet : public ::testing::Test {
 protected:
  void SetUp() override {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);  // a write over a limit then fails instead
    ASSERT_TRUE(fleet_.StartCoordinator());
    const std::string log = fleet_.coordinator().Log();
    const size_t line = log.find("metrics are served");
    ASSERT_NE(line, std::string::npos) << log;
    const size_t port = log.find("\"port\":", line);
    ASSERT_NE(port, std::string::npos) << log;
    ASSERT_EQ(std::sscanf(&log[port], "\"port\":%d", &port_), 1) << log;
  }
  void TearDown() override { std::signal(SIGXFSZ, old_handler_); }

  static testing::TinyPlan Plan() {
    testing::TinyPlan plan;
    plan.rounds = 1;
    plan.cohort = "target = 1\nwait_s = 0\n";
    plan.normalization = "none";
    return plan;
  }
  void LimitFiles(rlim_t bytes) {
    const rlimit limit{bytes, RLIM_INFINITY};
    ASSERT_EQ(::prlimit(fleet_.coordinator().pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  }
  httplib::Result Get(const std::string& path) {
    return httplib::Client("127.0.0.1", port_).Get(path);
  }
  std::string Metrics() {
    const httplib::Result answer = Get("/metrics");
    return answer ? answer->body : "";
  }

  int port_ = 0;
  void (*old_handler_)(int) = SIG_DFL;
  testing::Fleet fleet_{MILLRACE_COORDINATOR,
                        "min_free_mb = 1\n[metrics]\nlisten = \"127.0.0.1:0\"\n"};
};

TEST_F(MetricsOfAFleet, CountARunFromItsStartToItsEnd) {
  MR_ASSERT_OK(fleet_.as_operator().StartRun(Plan().Text()));
  Link link(testing::SiteLink(fleet_.federation(), "a", fleet_.port()));
  MR_ASSERT_OK(TakePart(link, "a"));
  EXPECT_THAT(Metrics(), HasSubstr("millrace_updates_accepted_total 1"));
  MR_ASSERT_OK(TakePart(link, "a"));
  EXPECT_EQ(fleet_.AwaitEnd("tiny-1").phase(), v1::RUN_PHASE_FINISHED);
  EXPECT_THAT(Metrics(), AllOf(HasSubstr("millrace_runs{phase=\"finished\"} 1"),
                               HasSubstr("millrace_updates_accepted_total 2"),
                               HasSubstr("millrace_round_seconds_count{end=\"committed\"} 2"),
                               HasSubstr("millrace_aggregation_seconds_count 2"),
                               HasSubstr("millrace_storage_writable 1")));
  EXPECT_EQ(Get("/healthz")->status, 200);
}

TEST_F(MetricsOfAFleet, SayThatTheDiskTakesNothingUntilItDoes) {
  MR_ASSERT_OK(fleet_.as_operator().StartRun(Plan().Text()));
  Link link(testing::SiteLink(fleet_.federation(), "a", fleet_.port()));
  MR_ASSERT_OK_AND_ASSIGN(const v1::Assignment assignment, testing::AwaitAssignment(link));
  const testing::SiteUpdate update = testing::HonestUpdate("a", assignment);
  const auto send = [&] {
    return testing::SendBytes(link, testing::HeaderOf(assignment, update), update.Bytes());
  };
  LimitFiles(0);
  EXPECT_THAT(send(), IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("site a")));
  const httplib::Result answer = Get("/healthz");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_THAT(answer->body, HasSubstr("takes nothing new"));
  EXPECT_THAT(Metrics(), AllOf(HasSubstr("millrace_storage_writable 0"),
                               HasSubstr("millrace_updates_accepted_total 0")));
  LimitFiles(RLIM_INFINITY);
  EXPECT_TRUE(Eventually([&] { return Get("/healthz")->status == 200; }));
  EXPECT_THAT(Metrics(), HasSubstr("millrace_storage_writable 1"));
  MR_EXPECT_OK(send());
}

}  // namespace
}  // namespace millrace
