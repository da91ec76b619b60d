// SPDX-License-Identifier: Apache-2.0
// What one person with the command line may keep open at a coordinator.
#include <gmock/gmock.h>

#include <thread>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "tests/testing/callers.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_plan.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::Fleet;
using ::testing::HasSubstr;
using testing::IsStatus;

TEST(PersonLimits, OneWhoWatchesTooMuchAtOnceIsSentAwayAndTheSitesAreNot) {
  constexpr int kCalls = 4;
  Fleet fleet(MILLRACE_COORDINATOR, "[limits]\nsite_calls = 4\n");
  ASSERT_TRUE(fleet.StartCoordinator());
  MR_ASSERT_OK(fleet.as_operator().StartRun(testing::TinyPlan().Text()));
  absl::BlockingCounter watching(kCalls);
  std::vector<std::thread> watches;
  for (int i = 0; i < kCalls; ++i) {
    watches.emplace_back([&] {
      bool first = true;
      MR_EXPECT_OK(fleet.as_operator().WatchRun(
          "tiny-1", absl::Seconds(1),
          [&](const v1::Run&) {
            if (std::exchange(first, false)) watching.DecrementCount();
            return true;
          },
          [] {}));
    });
  }
  watching.Wait();
  const auto one_too_many =
      IsStatus(absl::StatusCode::kResourceExhausted,
               AllOf(HasSubstr("operator "), HasSubstr("has 4 calls open ([limits] site_calls")));
  EXPECT_THAT(fleet.as_operator().WatchRun(
                  "tiny-1", absl::Seconds(1), [](const v1::Run&) { return true; }, [] {}),
              one_too_many);
  EXPECT_THAT(fleet.as_operator().ExportModel("tiny-1", 0,
                                              [](absl::string_view) { return absl::OkStatus(); }),
              one_too_many);
  MR_EXPECT_OK(fleet.as_operator().ListRuns()) << "is over at once";
  Link link(testing::SiteLink(fleet.federation(), "press-7", fleet.port()));
  MR_EXPECT_OK(link.CheckIn(v1::CheckInRequest()));

  MR_EXPECT_OK(fleet.as_operator().StopRun("tiny-1", "enough"));
  for (std::thread& watch : watches) watch.join();
  MR_EXPECT_OK(fleet.as_operator().WatchRun(
      "tiny-1", absl::Seconds(1), [](const v1::Run&) { return true; }, [] {}));
}

}  // namespace
}  // namespace millrace
