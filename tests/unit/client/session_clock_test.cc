// SPDX-License-Identifier: Apache-2.0
// The date of a site's machine is set in the middle of a round.
#include <gmock/gmock.h>

#include "tests/testing/cutting_proxy.h"
#include "tests/testing/simulated_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/session_rig.h"

namespace millrace {
namespace {

using testing::CuttingProxy;
using ::testing::ElementsAre;
using testing::FakeWorker;
using ::testing::HasSubstr;
using testing::HonestUpdate;
using testing::IsStatus;
using testing::SessionRig;
using testing::SimulatedClock;
using testing::SiteUpdate;
using testing::TestSite;

constexpr absl::Duration kYear = absl::Hours(24 * 365);

TEST(SessionClock, DateThatIsSetForwardDoesNotEndTheWorkInHand) {
  SessionRig rig;
  SimulatedClock date(absl::Now());
  FakeWorker worker(
      [&](const WorkOrder& order, const auto& on_progress) -> absl::StatusOr<SiteUpdate> {
        date.Advance(kYear);
        if (!on_progress(TrainingProgress{})) return absl::CancelledError("called off");
        return HonestUpdate("press-7", order.assignment);
      });
  TestSite site(rig, rig.port(), &worker, {.clock = &date});
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_THAT(rig.Run().history(0).received(), ElementsAre("press-7"));
}

TEST(SessionClock, DateThatIsSetBackDoesNotPutTheRoundsEndOff) {
  SessionRig rig;
  CuttingProxy proxy(rig.port());
  SimulatedClock date(absl::Now());
  SimulatedClock steady;
  FakeWorker worker([&](const WorkOrder& order, const auto&) -> absl::StatusOr<SiteUpdate> {
    date.Advance(-kYear);
    proxy.Mend(0);
    proxy.Cut();
    return HonestUpdate("press-7", order.assignment);
  });
  TestSite site(rig, proxy.port(), &worker, {.clock = &date, .steady = &steady});
  // Not after a year of trying.
  EXPECT_THAT(site.session().RunOnce(), IsStatus(absl::StatusCode::kDeadlineExceeded,
                                                 HasSubstr("not before the round's deadline")));
}

}  // namespace
}  // namespace millrace
