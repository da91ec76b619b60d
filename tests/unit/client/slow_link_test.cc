// SPDX-License-Identifier: Apache-2.0
// Transfers over links that are cut again and again: what has arrived is never sent twice.
#include <gmock/gmock.h>

#include "tests/testing/cutting_proxy.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/session_rig.h"

namespace millrace {
namespace {

using testing::CuttingProxy;
using ::testing::ElementsAre;
using testing::FakeWorker;
using testing::OneSitePlan;
using testing::SessionRig;
using testing::TestSite;
using testing::TinyPlan;
using testing::Weather;

/// A model and updates of about so many bytes.
TinyPlan PlanOfBytes(int64_t bytes) {
  constexpr int kHidden = 100;
  TinyPlan plan = OneSitePlan();
  plan.hidden = kHidden;
  plan.window = static_cast<int>(bytes / (kHidden * sizeof(float)));
  return plan;
}

TEST(SlowLink, ThatBreaksAfterEachHundredKilobytesBringsMegabytes) {
  SessionRig rig(PlanOfBytes(1'600'000));
  CuttingProxy proxy(rig.port());
  proxy.CutEvery(100'000);
  FakeWorker worker("press-7");
  // Were it not for what arrives in between, so many failures would come to wait for days.
  TestSite site(rig, proxy.port(), &worker,
                {.backoff = {.first = absl::Milliseconds(1), .longest = absl::Hours(100)}});
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_THAT(rig.Run().history(0).received(), ElementsAre("press-7"));
  EXPECT_GT(proxy.cuts(), 30);
}

TEST(SlowLink, OfFortyKilobytesASecondThatIsCutEveryThreeSecondsMovesOn) {
  // In three seconds no more than 120 kB arrive.
  SessionRig rig(PlanOfBytes(160'000));
  CuttingProxy proxy(rig.port(), Weather{.bytes_per_s = 40'000, .cut_every = absl::Seconds(3)});
  FakeWorker worker("press-7");
  TestSite site(rig, proxy.port(), &worker);
  MR_ASSERT_OK(site.session().RunOnce());
  EXPECT_THAT(rig.Run().history(0).received(), ElementsAre("press-7"));
  EXPECT_GE(proxy.cuts(), 2);
}

}  // namespace
}  // namespace millrace
