// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <vector>

#include "base/retry_after.h"
#include "coordinator/rpc/entry_calls.h"
#include "tests/testing/simulated_clock.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;

constexpr auto kTooMany = absl::StatusCode::kResourceExhausted;

TEST(EntryCalls, CallersWithoutACertificateShareAFewPlaces) {
  testing::SimulatedClock clock;
  EntryCalls calls(&clock, {.calls = 2});
  const auto begin = [&](bool has_certificate) {
    return calls.Begin(nullptr, has_certificate, absl::InfiniteFuture());
  };
  std::vector<std::unique_ptr<EntryPlace>> open;
  for (int i = 0; i < 2; ++i) {
    MR_ASSERT_OK_AND_ASSIGN(auto place, begin(false));
    open.push_back(std::move(place));
  }
  const absl::Status refused = begin(false).status();
  EXPECT_THAT(refused, IsStatus(kTooMany, HasSubstr("at most 2 at once")));
  EXPECT_TRUE(RetryAfter(refused));
  MR_EXPECT_OK(begin(true)) << "members are not in their way";
  open.pop_back();
  MR_EXPECT_OK(begin(false));
}

TEST(EntryCalls, CallersWithoutACertificateShareARate) {
  testing::SimulatedClock clock;
  EntryCalls calls(&clock, {.calls_per_s = 2, .burst = 3});
  const auto begin = [&] { return calls.Begin(nullptr, false, absl::InfiniteFuture()); };
  for (int i = 0; i < 3; ++i) MR_EXPECT_OK(begin());
  EXPECT_THAT(begin(), IsStatus(kTooMany, HasSubstr("2 in a second")));
  clock.Advance(absl::Milliseconds(501));
  MR_EXPECT_OK(begin());
}

}  // namespace
}  // namespace millrace
