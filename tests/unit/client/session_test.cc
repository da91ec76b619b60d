// SPDX-License-Identifier: Apache-2.0
// A session with a real coordinator: what it sends, sends again, and gives up.
#include "client/session/session.h"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <thread>

#include "client/data/site_message.h"
#include "tests/testing/cutting_proxy.h"
#include "tests/testing/eventually.h"
#include "tests/testing/simulated_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/session_rig.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::CuttingProxy;
using ::testing::ElementsAre;
using testing::Eventually;
using testing::FakeWorker;
using ::testing::HasSubstr;
using testing::HonestUpdate;
using testing::IsStatus;
using testing::OneSitePlan;
using ::testing::Pair;
using testing::SessionRig;
using testing::SimulatedClock;
using testing::SiteUpdate;
using testing::TestSite;
using testing::TinyPlan;

constexpr int64_t kMegabyte = 1 << 20;

/// 4,000 x 1,000 weights: 16 MB, many chunks of 1 MiB.
TinyPlan LargePlan() {
  TinyPlan plan = OneSitePlan();
  plan.window = 4000;
  plan.hidden = 1000;
  return plan;
}

bool HasFinished(SessionRig& rig) { return rig.Run().phase() == v1::RUN_PHASE_FINISHED; }

/// Reason by site of the run's first round.
std::map<std::string, std::string> Failures(SessionRig& rig) {
  const v1::Round round = rig.Run().history(0);
  return {round.failures().begin(), round.failures().end()};
}

TEST(Session, SiteTakesPartInEveryRoundOfARun) {
  SessionRig rig;
  FakeWorker worker("press-7");
  TestSite site(rig, rig.port(), &worker);
  site.Start();
  ASSERT_TRUE(Eventually([&] { return HasFinished(rig); }));
  EXPECT_EQ(worker.calls(), 2) << "one round of training, one of evaluation";
  EXPECT_EQ(rig.Run().version(), 1);
  EXPECT_THAT(rig.Run().history(0).received(), ElementsAre("press-7"));
}

TEST(Session, BeatsWhileItWorks) {
  SessionRig rig;
  std::vector<uint64_t> beats;
  TestSite* of_the_worker = nullptr;
  FakeWorker worker([&](const WorkOrder& order, const auto& on_progress) {
    for (int i = 0; i < 3; ++i) {
      beats.push_back(of_the_worker->heart().beats());
      EXPECT_TRUE(on_progress({}));
    }
    return absl::StatusOr<SiteUpdate>(HonestUpdate("press-7", order.assignment));
  });
  TestSite site(rig, rig.port(), &worker);
  of_the_worker = &site;
  MR_ASSERT_OK(site.session().RunOnce());
  ASSERT_EQ(beats.size(), 3u);
  EXPECT_LT(beats[0], beats[1]);
  EXPECT_LT(beats[1], beats[2]);
}

TEST(Session, BeatsWhileTheCoordinatorIsAway) {
  SessionRig rig;
  CuttingProxy nobody(0);
  FakeWorker worker("press-7");
  TestSite site(rig, nobody.port(), &worker);
  site.Start();
  EXPECT_TRUE(Eventually([&] { return site.heart().beats() > 10; }));
}

TEST(Session, AcceptedUpdateLeavesTheSpool) {
  SessionRig rig;
  FakeWorker worker("press-7");
  TestSite site(rig, rig.port(), &worker);
  MR_ASSERT_OK(site.session().RunOnce());
  ASSERT_EQ(worker.calls(), 1);
  EXPECT_FALSE(site.spool().OpenUpdate().ok());
}

TEST(Session, UpdateAfterABrokenStreamIsSentFromWhereItStopped) {
  SessionRig rig(LargePlan());
  CuttingProxy proxy(rig.port());
  proxy.CutAfter(12 * kMegabyte, /*stay_away=*/false);
  FakeWorker worker("press-7");
  TestSite site(rig, proxy.port(), &worker);
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_TRUE(proxy.has_cut());
  EXPECT_EQ(worker.calls(), 1);
  EXPECT_THAT(rig.Run().history(0).received(), ElementsAre("press-7"));
  // The whole again would make 12 + 16 MB.
  EXPECT_LT(proxy.bytes_up(), 26 * kMegabyte);
  EXPECT_GT(proxy.bytes_up(), 15 * kMegabyte);
}

TEST(Session, DaemonThatStartsAgainSendsTheSpooledBytesWithoutWorking) {
  SessionRig rig(LargePlan());
  FakeWorker worker("press-7");
  {
    CuttingProxy proxy(rig.port());
    proxy.CutAfter(4 * kMegabyte, /*stay_away=*/true);
    TestSite site(rig, proxy.port(), &worker);
    site.Start();
    ASSERT_TRUE(Eventually([&] { return proxy.has_cut(); }));
  }
  ASSERT_EQ(worker.calls(), 1);
  ASSERT_EQ(rig.Run().history(0).received_size(), 0);
  FakeWorker idle([](const WorkOrder&, const auto&) -> absl::StatusOr<SiteUpdate> {
    return absl::InternalError("there was nothing to do");
  });
  TestSite again(rig, rig.port(), &idle);
  MR_ASSERT_OK(again.session().RunOnce());
  EXPECT_EQ(idle.calls(), 0);
  EXPECT_THAT(rig.Run().history(0).received(), ElementsAre("press-7"));
}

TEST(Session, RefusedUpdateIsDroppedAndTheOperatorTold) {
  SessionRig rig;
  FakeWorker liar([](const WorkOrder& order, const auto&) -> absl::StatusOr<SiteUpdate> {
    SiteUpdate update = HonestUpdate("press-7", order.assignment);
    update.vector[2] = std::nanf("");
    return update;
  });
  TestSite site(rig, rig.port(), &liar);
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_THAT(Failures(rig), ElementsAre(Pair("press-7", HasSubstr("element 2 is NaN"))));
  EXPECT_FALSE(site.spool().OpenUpdate().ok());
}

TEST(Session, OfWorkThatFailsOnlyWhatMayLeaveTheSiteIsReported) {
  SessionRig rig;
  FakeWorker worker([](const WorkOrder&, const auto&) -> absl::StatusOr<SiteUpdate> {
    return SiteMessage(Private{"press.csv:", "line "}, 3, ": column \"heat\" is empty")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  });
  TestSite site(rig, rig.port(), &worker);
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_THAT(Failures(rig), ElementsAre(Pair("press-7", "line 3: column \"heat\" is empty")));
}

TEST(Session, ErrorThatSaysNothingOfWhatMayLeaveIsReportedByItsCode) {
  SessionRig rig;
  FakeWorker worker([](const WorkOrder&, const auto&) -> absl::StatusOr<SiteUpdate> {
    return absl::NotFoundError("open /plant/press.csv: No such file or directory");
  });
  TestSite site(rig, rig.port(), &worker);
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_THAT(Failures(rig),
              ElementsAre(Pair("press-7", "NOT_FOUND; the site's log has the reason")));
}

TEST(Session, PlanInTheClearIsRefusedUnlessTheSitesConfigurationAllowsIt) {
  SessionRig rig;
  FakeWorker worker("press-7");
  TestSite site(rig, rig.port(), &worker, {.floor = SecureFloor()});
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_EQ(worker.calls(), 0);
  EXPECT_THAT(
      Failures(rig),
      ElementsAre(Pair("press-7", HasSubstr("[secure] at_least = \"honest_but_curious\""))));
}

TEST(Session, UpdateThatWasSpooledInTheClearStaysOnceTheConfigurationForbidsIt) {
  SessionRig rig(LargePlan());
  FakeWorker worker("press-7");
  {
    CuttingProxy proxy(rig.port());
    proxy.CutAfter(4 * kMegabyte, /*stay_away=*/true);
    TestSite site(rig, proxy.port(), &worker);
    site.Start();
    ASSERT_TRUE(Eventually([&] { return proxy.has_cut(); }));
  }
  ASSERT_EQ(worker.calls(), 1);
  TestSite again(rig, rig.port(), &worker, {.floor = SecureFloor()});
  MR_ASSERT_OK(again.session().RunOnce());
  EXPECT_EQ(rig.Run().history(0).received_size(), 0);
  EXPECT_FALSE(again.spool().OpenUpdate().ok());
}

TEST(Session, WorkThatFailsLeavesNothingOfItsUpdateInTheSpool) {
  SessionRig rig;
  FakeWorker worker([](const WorkOrder& order, const auto&) -> absl::StatusOr<SiteUpdate> {
    // As WriteFileDurably does on a full disk.
    MR_RETURN_IF_ERROR(WriteFileDurably(PosixFileSystem(), order.update_path + ".tmp", "half"));
    return absl::ResourceExhaustedError("No space left on device");
  });
  TestSite site(rig, rig.port(), &worker);
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_FALSE(PosixFileSystem()->Exists(site.spool().UpdatePath() + ".tmp"));
}

TEST(Session, SpoolFolderThatWasRemovedIsMadeAgain) {
  SessionRig rig;
  FakeWorker worker("press-7");
  TestSite site(rig, rig.port(), &worker);
  std::filesystem::remove_all(rig.SpoolFolder());
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_THAT(rig.Run().history(0).received(), ElementsAre("press-7"));
}

TEST(Session, UpdateForARoundThatEndedMeanwhileIsDropped) {
  SessionRig rig;
  FakeWorker worker([&](const WorkOrder& order, const auto&) -> absl::StatusOr<SiteUpdate> {
    MR_RETURN_IF_ERROR(rig.as_operator().StopRun("tiny-1", "enough").status());
    return HonestUpdate("press-7", order.assignment);
  });
  TestSite site(rig, rig.port(), &worker);
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_FALSE(site.spool().OpenUpdate().ok());
}

TEST(Session, WorkEndsAtTheRoundsDeadlineAndSaysSo) {
  TinyPlan plan = OneSitePlan();
  plan.cohort += "deadline_s = 1\nattempts = 1\n";
  SessionRig rig(plan);
  FakeWorker endless([](const WorkOrder&, const auto& on_progress) -> absl::StatusOr<SiteUpdate> {
    const bool called_off = Eventually([&] { return !on_progress(TrainingProgress{}); });
    return called_off ? absl::CancelledError("called off") : absl::InternalError("went on");
  });
  TestSite site(rig, rig.port(), &endless);
  const absl::Time start = absl::Now();
  ::testing::internal::CaptureStderr();
  site.session().RunOnce().IgnoreError();  // the round may be over before the report
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("training was not done when the round ended"));
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(500));
  EXPECT_LT(absl::Now() - start, absl::Seconds(30));
  EXPECT_TRUE(Eventually([&] { return rig.Run().phase() == v1::RUN_PHASE_FAILED; }));
}

TEST(Session, PausedSiteIsNotInvitedAndTheOperatorSeesWhy) {
  SessionRig rig;
  FakeWorker worker("press-7");
  TestSite site(rig, rig.port(), &worker);
  MR_ASSERT_OK(PauseSite(PosixFileSystem(), rig.SpoolFolder(), "new bearings"));
  MR_ASSERT_OK(site.session().RunOnce());
  MR_ASSERT_OK_AND_ASSIGN(const v1::ListSitesResponse sites, rig.as_operator().ListSites());
  EXPECT_EQ(sites.sites(0).objection(), "paused at the site: new bearings");
  EXPECT_EQ(rig.Run().history_size(), 0);
  site.Start();
  MR_ASSERT_OK(ResumeSite(PosixFileSystem(), rig.SpoolFolder()));
  EXPECT_TRUE(Eventually([&] { return HasFinished(rig); }));
  EXPECT_EQ(rig.as_operator().ListSites()->sites(0).objection(), "");
}

TEST(Session, PauseEndsTheWorkInHandAndTheRoundGoesOn) {
  TinyPlan plan = OneSitePlan();
  plan.cohort += "attempts = 1\n";
  SessionRig rig(plan);
  FakeWorker endless([&](const WorkOrder&, const auto& on_progress) -> absl::StatusOr<SiteUpdate> {
    MR_RETURN_IF_ERROR(PauseSite(PosixFileSystem(), rig.SpoolFolder(), "press 7 jams"));
    const bool called_off = Eventually([&] { return !on_progress(TrainingProgress{}); });
    return called_off ? absl::CancelledError("called off") : absl::InternalError("went on");
  });
  TestSite site(rig, rig.port(), &endless);
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_THAT(Failures(rig), ElementsAre(Pair("press-7", "paused at the site: press 7 jams")));
  EXPECT_TRUE(Eventually([&] { return rig.Run().phase() == v1::RUN_PHASE_FAILED; }));
}

TEST(Session, AssignmentThatDoesNotFitTheQuotaIsRefusedWithItsSize) {
  SessionRig rig(LargePlan());
  FakeWorker worker("press-7");
  TestSite site(rig, rig.port(), &worker, {.quota_bytes = 40 * kMegabyte});
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_THAT(Failures(rig), ElementsAre(Pair("press-7", HasSubstr("quota_mb = 40"))));
  EXPECT_EQ(worker.calls(), 0);
}

TEST(Session, RoundGoesThroughAProxyThatAloneKnowsTheWay) {
  SessionRig rig;
  CuttingProxy proxy(rig.port(), CuttingProxy::Mode::kConnect);
  FakeWorker worker("press-7");
  LinkOptions link = rig.LinkTo(1);
  link.address = "localhost:1";
  link.proxy = absl::StrCat("http://", testing::LoopbackAddress(proxy.port()));
  TestSite site(rig, link, &worker);
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_THAT(rig.Run().history(0).received(), ElementsAre("press-7"));
  EXPECT_EQ(proxy.asked_for(), "localhost:1");
}

TEST(Session, TransfersKeepToTheirRate) {
  TinyPlan plan = OneSitePlan();
  plan.window = 1000;
  plan.hidden = 100;  // 0.4 MB
  SessionRig rig(plan);
  FakeWorker worker("press-7");
  TransferPace pace({.up = 200'000, .down = 400'000}, {}, absl::UTCTimeZone());
  LinkOptions link = rig.LinkTo(rig.port());
  link.pace = &pace;
  TestSite site(rig, link, &worker);
  const absl::Time start = absl::Now();
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_THAT(rig.Run().history(0).received(), ElementsAre("press-7"));
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(900)) << "0.2 MB of the update come at once";
}

TEST(Session, SpoiltHalfOfADownloadIsFetchedAnew) {
  SessionRig rig;
  FakeWorker worker([](const WorkOrder& order, const auto&) -> absl::StatusOr<SiteUpdate> {
    MR_ASSIGN_OR_RETURN(const std::string model,
                        ReadFile(PosixFileSystem(), order.parameters_path));
    const Digest digest = Sha256Of(model);
    if (order.assignment.model_sha256() != std::string(digest.bytes.begin(), digest.bytes.end())) {
      return absl::DataLossError("another model");
    }
    return HonestUpdate("press-7", order.assignment);
  });
  TestSite site(rig, rig.port(), &worker);
  Link link(rig.LinkTo(rig.port()));
  MR_ASSERT_OK_AND_ASSIGN(const v1::Assignment assignment, testing::AwaitAssignment(link));
  Digest model;
  std::copy_n(assignment.model_sha256().begin(), model.bytes.size(), model.bytes.begin());
  MR_ASSERT_OK(site.spool().OpenPartialModel(model).value()->WriteAt(0, std::string(20, 'x')));
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_THAT(Failures(rig), ElementsAre());
  EXPECT_THAT(rig.Run().history(0).received(), ElementsAre("press-7"));
}

TEST(Session, CoordinatorThatIsNotThereIsNamed) {
  SessionRig rig;
  int nobodys_port = 0;
  {
    const CuttingProxy gone(0);
    nobodys_port = gone.port();
  }
  FakeWorker worker("press-7");
  TestSite site(rig, nobodys_port, &worker);
  EXPECT_THAT(site.session().RunOnce(),
              IsStatus(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(testing::LoopbackAddress(nobodys_port)),
                             HasSubstr("cannot be reached"))));
}

TEST(Session, UpdateIsKeptForDaysAndSentWhereItStillFits) {
  TinyPlan plan = OneSitePlan();
  plan.cohort += "deadline_s = 20\n";
  SessionRig rig(plan);
  CuttingProxy proxy(rig.port());
  // For the site days pass; the coordinator, away meanwhile, has its round open still.
  SimulatedClock clock;
  FakeWorker worker([&](const WorkOrder& order, const auto&) -> absl::StatusOr<SiteUpdate> {
    proxy.Mend(0);
    proxy.Cut();
    return HonestUpdate("press-7", order.assignment);
  });
  TestSite site(rig, proxy.port(), &worker, {.steady = &clock});
  EXPECT_THAT(site.session().RunOnce(), IsStatus(absl::StatusCode::kDeadlineExceeded,
                                                 HasSubstr("not before the round's deadline")));
  EXPECT_TRUE(site.spool().OpenUpdate().ok());
  proxy.Mend(rig.port());
  ASSERT_TRUE(Eventually([&] { return site.session().RunOnce().ok(); }));
  EXPECT_THAT(rig.Run().history(0).received(), ElementsAre("press-7"));
  EXPECT_EQ(worker.calls(), 1);
}

TEST(Session, CoordinatorWhoseNameNobodyKnowsIsNamed) {
  SessionRig rig;
  FakeWorker worker("press-7");
  LinkOptions link = rig.LinkTo(rig.port());
  link.address = "coordinator.invalid:9443";
  TestSite site(rig, link, &worker);
  EXPECT_THAT(site.session().RunOnce(),
              IsStatus(absl::StatusCode::kUnavailable, HasSubstr("coordinator.invalid:9443")));
}

TEST(Session, GoesOnOnceTheCoordinatorIsBack) {
  SessionRig rig;
  CuttingProxy proxy(0);
  FakeWorker worker("press-7");
  TestSite site(rig, proxy.port(), &worker);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(absl::IsUnavailable(site.session().RunOnce()));
  site.Start();
  proxy.Mend(rig.port());
  EXPECT_TRUE(Eventually([&] { return HasFinished(rig); }));
}

TEST(Session, IsBackSoonAfterALongOutage) {
  SessionRig rig;
  CuttingProxy proxy(0);
  FakeWorker worker("press-7");
  TestSite site(rig, proxy.port(), &worker);
  site.Start();
  // By now gRPC left to itself would wait for almost half a minute before it tries again.
  ASSERT_TRUE(Eventually([&] { return proxy.connections() >= 8; }));
  proxy.Mend(rig.port());
  EXPECT_TRUE(Eventually([&] { return HasFinished(rig); }, absl::Seconds(15)));
}

/// Counts what is slept, and says when it is enough.
class PatientClock final : public Clock {
 public:
  PatientClock(absl::Duration patience, std::function<void()> on_end)
      : patience_(patience), on_end_(std::move(on_end)) {}

  absl::Time Now() override { return absl::UnixEpoch() + slept_; }
  void Sleep(absl::Duration duration) override {
    slept_ += duration;
    if (slept_ >= patience_) on_end_();
  }

 private:
  const absl::Duration patience_;
  const std::function<void()> on_end_;
  absl::Duration slept_;
};

TEST(Session, BacksOffForAsLongAsTheCoordinatorIsAway) {
  SessionRig rig;
  CuttingProxy nobody(0);
  FakeWorker worker("press-7");
  Session* session = nullptr;
  PatientClock clock(absl::Minutes(1), [&] { session->Stop(); });
  TestSite site(rig, nobody.port(), &worker, {.steady = &clock});
  session = &site.session();
  session->Run();  // returns when the clock stops it: no failure is the last one
  EXPECT_GE(clock.Now(), absl::UnixEpoch() + absl::Minutes(1));
  EXPECT_EQ(worker.calls(), 0);
}

TEST(Session, TellsWhatHasDriftedWithItsCheckIn) {
  TinyPlan plan = OneSitePlan();
  plan.cohort = "target = 2\nminimum = 2\n";  // one site waits for the other
  SessionRig rig(plan);
  FakeWorker worker("press-7");
  v1::ModelDrift drift;
  drift.set_name("pumps");
  drift.set_parameters_sha256(std::string(32, '\x07'));
  drift.set_channels_watched(3);
  drift.set_channels_in_drift(1);
  drift.set_level(1.5);
  TestSite site(rig, rig.port(), &worker, {.drift = [&] { return std::vector{drift}; }});
  site.Start();
  ASSERT_TRUE(Eventually([&] {
    const v1::ListSitesResponse sites = rig.as_operator().ListSites().value();
    return sites.sites_size() == 1 && sites.sites(0).drift_size() == 1;
  }));
  EXPECT_EQ(rig.as_operator().ListSites()->sites(0).drift(0).SerializeAsString(),
            drift.SerializeAsString());
}

TEST(Session, StopEndsAWaitingCheckIn) {
  TinyPlan plan = OneSitePlan();
  plan.cohort = "target = 2\nminimum = 2\n";  // one site waits for the other
  SessionRig rig(plan);
  FakeWorker worker("press-7");
  const absl::Time start = absl::Now();
  {
    TestSite site(rig, rig.port(), &worker);
    site.Start();
    ASSERT_TRUE(
        Eventually([&] { return rig.as_operator().ListSites().value().sites_size() == 1; }));
  }
  EXPECT_LT(absl::Now() - start, absl::Seconds(15)) << "the long poll waits 20 s";
}

}  // namespace
}  // namespace millrace
