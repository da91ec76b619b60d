// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "base/retry_after.h"
#include "coordinator/rpc/call_limiter.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;

const absl::Time kStart = absl::FromUnixSeconds(1767225600);

auto IsTooMuch(const std::string& site, const std::string& key) {
  return IsStatus(absl::StatusCode::kResourceExhausted,
                  AllOf(HasSubstr("site " + site), HasSubstr("[limits] " + key)));
}

TEST(CallLimiter, SiteThatCallsTooOftenIsToldWhenToComeBack) {
  CallLimiter limiter({.site_calls_per_s = 2});
  for (int i = 0; i < 20; ++i) MR_ASSERT_OK(limiter.Begin("site a", CallKind::kQuick, kStart));
  const absl::Status refused = limiter.Begin("site a", CallKind::kQuick, kStart);
  EXPECT_THAT(refused, IsTooMuch("a", "site_calls_per_s"));
  EXPECT_EQ(RetryAfter(refused), absl::Milliseconds(500));
  MR_EXPECT_OK(limiter.Begin("site a", CallKind::kQuick, kStart + absl::Milliseconds(501)));
}

TEST(CallLimiter, OneSitesFloodIsNotAnothers) {
  CallLimiter limiter({.site_calls = 1, .site_calls_per_s = 1, .site_mb_per_s = 1});
  while (limiter.Begin("site a", CallKind::kQuick, kStart).ok()) {
  }
  while (limiter.TakeBytes("site a", 1 << 20, kStart).ok()) {
  }
  MR_EXPECT_OK(limiter.Begin("site b", CallKind::kUpload, kStart));
  MR_EXPECT_OK(limiter.TakeBytes("site b", 1 << 20, kStart));
}

TEST(CallLimiter, OpenCallsOfASiteAreCounted) {
  CallLimiter limiter({.site_calls = 2});
  MR_ASSERT_OK(limiter.Begin("site a", CallKind::kHeld, kStart));
  MR_ASSERT_OK(limiter.Begin("site a", CallKind::kUpload, kStart));
  EXPECT_THAT(limiter.Begin("site a", CallKind::kHeld, kStart), IsTooMuch("a", "site_calls"));
  MR_EXPECT_OK(limiter.Begin("site a", CallKind::kQuick, kStart)) << "is over at once";
  limiter.End("site a", CallKind::kHeld);
  MR_EXPECT_OK(limiter.Begin("site a", CallKind::kHeld, kStart));
}

TEST(CallLimiter, PersonOfASitesNameHasCallsOfTheirOwn) {
  CallLimiter limiter({.site_calls = 1});
  MR_ASSERT_OK(limiter.Begin("site ada", CallKind::kHeld, kStart));
  MR_ASSERT_OK(limiter.Begin("operator ada", CallKind::kHeld, kStart));
  const absl::Status refused = limiter.Begin("operator ada", CallKind::kDownload, kStart);
  EXPECT_THAT(refused, IsStatus(absl::StatusCode::kResourceExhausted,
                                HasSubstr("operator ada: has 1 calls open ([limits] site_calls")));
  EXPECT_TRUE(RetryAfter(refused).has_value());
}

TEST(CallLimiter, TransfersOfAllSitesAreCounted) {
  CallLimiter limiter({.uploads = 1, .downloads = 1});
  MR_ASSERT_OK(limiter.Begin("site a", CallKind::kUpload, kStart));
  MR_ASSERT_OK(limiter.Begin("site a", CallKind::kDownload, kStart));
  EXPECT_THAT(limiter.Begin("site b", CallKind::kUpload, kStart), IsTooMuch("b", "uploads"));
  EXPECT_THAT(limiter.Begin("site b", CallKind::kDownload, kStart), IsTooMuch("b", "downloads"));
  MR_EXPECT_OK(limiter.Begin("site b", CallKind::kHeld, kStart));
  limiter.End("site a", CallKind::kUpload);
  MR_EXPECT_OK(limiter.Begin("site b", CallKind::kUpload, kStart));
}

TEST(CallLimiter, RefusedCallTakesNoPlace) {
  CallLimiter limiter({.uploads = 1, .site_calls = 2});
  MR_ASSERT_OK(limiter.Begin("site a", CallKind::kUpload, kStart));
  EXPECT_THAT(limiter.Begin("site b", CallKind::kUpload, kStart), IsTooMuch("b", "uploads"));
  MR_ASSERT_OK(limiter.Begin("site b", CallKind::kHeld, kStart));
  MR_EXPECT_OK(limiter.Begin("site b", CallKind::kHeld, kStart));
}

TEST(CallLimiter, BytesOfASiteAreCounted) {
  CallLimiter limiter({.site_mb_per_s = 1});
  MR_ASSERT_OK(limiter.TakeBytes("site a", 10'000'000, kStart));
  const absl::Status refused = limiter.TakeBytes("site a", 250'000, kStart);
  EXPECT_THAT(refused, IsTooMuch("a", "site_mb_per_s"));
  EXPECT_EQ(RetryAfter(refused), absl::Milliseconds(250));
}

}  // namespace
}  // namespace millrace
