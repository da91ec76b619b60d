// SPDX-License-Identifier: Apache-2.0
// Daemons whose machine's clock is set by a day in the middle of their work: rounds last as long as
// they would have, connections that are lost meanwhile are found again, and the date counts for
// certificates only.
#include "absl/time/clock.h"

#include <gmock/gmock.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file_system.h"
#include "tests/testing/cutting_proxy.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/stepped_clock.h"

namespace millrace {
namespace {

using testing::AwaitAssignment;
using testing::CuttingProxy;
using testing::Eventually;
using testing::Fleet;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::SteppedClock;
using testing::TakePart;

constexpr absl::Duration kSteppedDay = absl::Hours(24);
constexpr char kSteppedData[] = "[data]\nkind = \"delimited\"\npath = \"rows.csv\"\n";

/// One round of training and one of evaluation.
std::string SteppedPlan(int hidden, absl::string_view cohort) {
  return absl::StrCat(
      "secure_aggregation = \"off\"\n[run]\nname = \"date\"\nrounds = 1\n[cohort]\n", cohort,
      "[model]\nkind = \"mlp\"\nhidden = [", hidden,
      "]\n[input]\nchannels = [\"heat\"]\nnormalization = \"none\"\n"
      "[label]\nkind = \"column\"\ncolumn = \"wear\"\n");
}

/// A coordinator and site "a", each under a clock of its own, with certificates that are valid
/// whatever the clocks say.
class SteppedFleet {
 public:
  SteppedFleet() {
    CertifyCoordinator(Issue(Role::kCoordinator, "cloud"));
    std::string rows = "heat,wear\n";
    for (int row = 0; row < 50; ++row) absl::StrAppend(&rows, row * 0.1, ",", row, "\n");
    Write("rows.csv", rows);
  }

  Fleet& fleet() { return fleet_; }
  SteppedClock& coordinators_clock() { return coordinators_clock_; }
  SteppedClock& sites_clock() { return sites_clock_; }

  /// With this, from its next start on.
  void CertifyCoordinator(const KeyAndCertificate& identity) const {
    Write("cloud.crt", identity.certificate_pem);
    Write("cloud.key", identity.key_pem);
  }
  bool StartCoordinator() {
    const bool listens = fleet_.StartCoordinator();
    const KeyAndCertificate ann = Issue(Role::kOperator, "ann");
    operator_ = NewConnection(
        {fleet_.address(), fleet_.federation().authority_pem(), ann.certificate_pem, ann.key_pem});
    return listens;
  }
  /// True once it has called.
  bool StartSite() {
    const std::string config = fleet_.WriteSite("a", kSteppedData, Issue(Role::kSite, "a"));
    fleet_.StartProcess({"a"}, {sites_clock_.Under(MILLRACE_CLIENT), "run", "--config", config});
    return AwaitSite();
  }
  bool AwaitSite() {
    return Eventually([&] {
      const auto listed = operator_->ListSites();
      return listed.ok() && listed->sites_size() > 0 && listed->sites(0).connected();
    });
  }
  /// A site of the test's own, whose clock is right.
  Link LinkOf(const std::string& site) const {
    const KeyAndCertificate identity = Issue(Role::kSite, site);
    LinkOptions options;
    options.address = fleet_.address();
    options.authority_pem = fleet_.federation().authority_pem();
    options.certificate_pem = identity.certificate_pem;
    options.key_pem = identity.key_pem;
    return Link(options);
  }

  std::string StartRun(const std::string& plan) {
    const absl::StatusOr<v1::Run> run = operator_->StartRun(plan);
    return run.ok() ? run->id() : run.status().ToString();
  }
  v1::Run GetRun(const std::string& id) {
    absl::StatusOr<v1::Run> run;
    Eventually([&] { return (run = operator_->GetRun(id)).ok(); });
    return run.value_or(v1::Run());
  }
  v1::Run AwaitEnd(const std::string& id) {
    Eventually([&] { return GetRun(id).phase() != v1::RUN_PHASE_RUNNING; }, absl::Minutes(2));
    return GetRun(id);
  }
  static bool Says(testing::Process& process, absl::string_view text) {
    return Eventually([&] { return absl::StrContains(process.Log(), text); });
  }

 private:
  KeyAndCertificate Issue(Role role, const std::string& name) const {
    const absl::Time now = absl::Now();
    return fleet_.federation().Issue(role, name, now - 3 * kSteppedDay, now + 30 * kSteppedDay);
  }
  void Write(const std::string& name, const std::string& text) const {
    MR_CHECK(WriteFileDurably(PosixFileSystem(), fleet_.folder() + "/" + name, text).ok());
  }

  SteppedClock coordinators_clock_;
  SteppedClock sites_clock_;
  Fleet fleet_{coordinators_clock_.Under(MILLRACE_COORDINATOR)};
  std::unique_ptr<Connection> operator_;
};

/// The other way first, or this.
class SteppedClockTest : public ::testing::TestWithParam<absl::Duration> {
 protected:
  SteppedFleet stepped_;
};

TEST_P(SteppedClockTest, OfTheCoordinatorNeitherEndsARoundNorKeepsOneOpen) {
  Fleet& fleet = stepped_.fleet();
  ASSERT_TRUE(stepped_.StartCoordinator());
  ASSERT_TRUE(stepped_.StartSite()) << fleet.Logs();
  Link late = stepped_.LinkOf("late");
  MR_ASSERT_OK(late.CheckIn(v1::CheckInRequest()));

  // A round that has time, and needs both.
  const std::string patient = stepped_.StartRun(
      SteppedPlan(4, "target = 2\nminimum = 2\nwait_s = 600\ndeadline_s = 600\n"));
  const auto sites_in = [&](const std::string& id) {
    const v1::Run run = stepped_.GetRun(id);
    return run.history_size() == 0 ? 0 : run.history(0).received_size();
  };
  ASSERT_TRUE(Eventually([&] { return sites_in(patient) == 1; })) << fleet.Logs();
  stepped_.coordinators_clock().Set(GetParam());
  ASSERT_TRUE(SteppedFleet::Says(fleet.coordinator(), "the clock was set")) << fleet.Logs();
  MR_ASSERT_OK(TakePart(late, "late"));
  MR_ASSERT_OK(TakePart(late, "late"));
  const v1::Run kept = stepped_.AwaitEnd(patient);
  EXPECT_EQ(kept.phase(), v1::RUN_PHASE_FINISHED) << kept.note() << fleet.Logs();
  ASSERT_THAT(kept.history(), SizeIs(2));
  for (const v1::Round& round : kept.history()) {
    EXPECT_EQ(round.attempt(), 1);
    EXPECT_THAT(round.received(), SizeIs(2));
  }

  // One that waits in vain for the second site. Two days at once, over to the other side.
  const std::string hasty = stepped_.StartRun(
      SteppedPlan(4, "target = 2\nwait_s = 0\ndeadline_s = 5\nbackoff_s = 1\nattempts = 50\n"));
  v1::CheckInRequest present;
  present.set_wait_ms(1000);
  ASSERT_TRUE(Eventually([&] {
    late.CheckIn(present).IgnoreError();
    return stepped_.GetRun(hasty).history_size() > 0;
  })) << fleet.Logs();
  stepped_.coordinators_clock().Set(-GetParam());
  const v1::Run ended = stepped_.AwaitEnd(hasty);
  EXPECT_EQ(ended.phase(), v1::RUN_PHASE_FINISHED) << ended.note() << fleet.Logs();

  // What is started anew finds its sites, whatever day it takes it for.
  fleet.coordinator().Kill();
  ASSERT_TRUE(stepped_.StartCoordinator());
  EXPECT_TRUE(stepped_.AwaitSite()) << fleet.Logs();
}

TEST_P(SteppedClockTest, OfASiteCostsNoTransferAndNoRound) {
  constexpr int kHidden = 20'000;  // 0.24 MB each way
  Fleet& fleet = stepped_.fleet();
  ASSERT_TRUE(stepped_.StartCoordinator());
  CuttingProxy proxy(fleet.port());
  fleet.PutBehind(proxy.port(), "a");
  ASSERT_TRUE(stepped_.StartSite()) << fleet.Logs();
  const std::string plan =
      SteppedPlan(kHidden, "wait_s = 600\ndeadline_s = 600\n[training]\nlearning_rate = 0.001\n");
  for (const absl::Duration ahead : {GetParam(), -GetParam()}) {
    const int cuts = proxy.cuts();
    proxy.CutAfter(100'000, /*stay_away=*/true);
    const std::string id = stepped_.StartRun(plan);
    ASSERT_TRUE(Eventually([&] { return proxy.cuts() > cuts; })) << fleet.Logs();
    stepped_.sites_clock().Set(ahead);
    const size_t said = fleet.site("a").Log().size();
    ASSERT_TRUE(Eventually([&] {
      return absl::StrContains(fleet.site("a").Log().substr(said), "the clock was set");
    })) << fleet.Logs();
    fleet.coordinator().Kill();
    ASSERT_TRUE(stepped_.StartCoordinator());
    proxy.Mend(fleet.port());
    const v1::Run run = stepped_.AwaitEnd(id);
    EXPECT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet.Logs();
    for (const v1::Round& round : run.history()) EXPECT_EQ(round.attempt(), 1) << fleet.Logs();
  }
}

INSTANTIATE_TEST_SUITE_P(ADay, SteppedClockTest, ::testing::Values(kSteppedDay, -kSteppedDay),
                         [](const auto& info) {
                           return info.param > absl::ZeroDuration() ? "Forward" : "Back";
                         });

TEST(SteppedClock, BehindTheCoordinatorsCertificateIsNamedAndTheSiteIsBackOnceItIsRight) {
  SteppedFleet stepped;
  Fleet& fleet = stepped.fleet();
  stepped.CertifyCoordinator(fleet.federation().Issue(Role::kCoordinator, "cloud"));  // of today
  ASSERT_TRUE(stepped.StartCoordinator());
  ASSERT_TRUE(stepped.StartSite()) << fleet.Logs();
  stepped.sites_clock().Set(-kSteppedDay);
  ASSERT_TRUE(SteppedFleet::Says(fleet.site("a"), "the clock was set")) << fleet.Logs();
  fleet.coordinator().Kill();
  ASSERT_TRUE(stepped.StartCoordinator());
  ASSERT_TRUE(SteppedFleet::Says(fleet.site("a"), "or is a clock wrong?")) << fleet.Logs();
  stepped.sites_clock().Set(absl::ZeroDuration());
  EXPECT_TRUE(stepped.AwaitSite()) << fleet.Logs();
}

}  // namespace
}  // namespace millrace
