// SPDX-License-Identifier: Apache-2.0
// Large transfers of a real daemon over a link that comes and goes.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "tests/testing/cutting_proxy.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::CuttingProxy;
using ::testing::ElementsAre;
using testing::Eventually;
using testing::Fleet;
using testing::Weather;

/// 10 million parameters and a few more: 40 MB each way.
constexpr char kFortyMegabytes[] = R"(secure_aggregation = "off"
[run]
name = "wide"
rounds = 1
[cohort]
wait_s = 0
[model]
kind = "mlp"
hidden = [3165, 3165]
[input]
channels = ["heat"]
normalization = "none"
[label]
kind = "column"
column = "wear"
)";
constexpr int64_t kBytes = 40'000'000;

TEST(CutLink, FortyMegabytesComeAndGoThoughItIsCutEveryThreeSeconds) {
  Fleet fleet(MILLRACE_COORDINATOR);
  ASSERT_TRUE(fleet.StartCoordinator());
  CuttingProxy proxy(fleet.port(),
                     Weather{.bytes_per_s = 4'200'000, .cut_every = absl::Seconds(3)});
  fleet.PutBehind(proxy.port(), "press-7");
  std::string rows = "heat,wear\n";
  for (int row = 0; row < 50; ++row) absl::StrAppend(&rows, row * 0.1, ",", row * 0.2, "\n");
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), fleet.folder() + "/rows.csv", rows));
  fleet.StartSite(MILLRACE_CLIENT, "press-7",
                  "[data]\nkind = \"delimited\"\npath = \"rows.csv\"\n");
  ASSERT_TRUE(fleet.AwaitSites()) << fleet.Logs();
  MR_ASSERT_OK(fleet.as_operator().StartRun(kFortyMegabytes));

  // What the link has carried by the first bytes of the update.
  ASSERT_TRUE(Eventually([&] { return proxy.bytes_up() > 1'000'000; }, absl::Minutes(3)))
      << fleet.Logs();
  const int cuts = proxy.cuts();
  EXPECT_GE(cuts, 2);
  EXPECT_GT(proxy.bytes_down(), kBytes);
  EXPECT_LT(proxy.bytes_down(), kBytes * 11 / 10) << fleet.Logs();

  const auto received = [&] {
    const v1::Run run = fleet.GetRun("wide-1");
    return run.history_size() > 0 && run.history(0).received_size() > 0;
  };
  ASSERT_TRUE(Eventually(received, absl::Minutes(3))) << fleet.Logs();
  EXPECT_EQ(fleet.GetRun("wide-1").history(0).attempt(), 1);
  EXPECT_GE(proxy.cuts(), cuts + 2);
  EXPECT_GT(proxy.bytes_up(), kBytes);
  EXPECT_LT(proxy.bytes_up(), kBytes * 11 / 10) << fleet.Logs();
}

}  // namespace
}  // namespace millrace
