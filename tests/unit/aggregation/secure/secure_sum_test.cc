// SPDX-License-Identifier: Apache-2.0
// The secure sum is the plain integer sum, bit for bit, whoever drops out and whenever.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "aggregation/secure/cohort_graph.h"
#include "aggregation/secure/graph_parameters.h"
#include "aggregation/secure/masked_vector.h"
#include "tests/unit/aggregation/secure/secure_cohort.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the cohort's words
using ::testing::AllOf;
using ::testing::HasSubstr;

int64_t ThresholdOf(int64_t sites) { return CompleteGraph(sites, 0.1).threshold; }

// How many must share and upload.
int64_t FewestOf(int64_t sites) { return FewestSurvivors(SecurePlan{}, sites, ThresholdOf(sites)); }

// Every choice of those who share, among them of those who upload, and among them of those who
// reveal, that the thresholds allow.
int ExpectPlainSumOfEveryPattern(SecureMode mode, int64_t sites) {
  int patterns = 0;
  const Sites all = FirstSites(sites);
  for (const Sites& share : ChoicesOf(all, FewestOf(sites))) {
    for (const Sites& upload : ChoicesOf(share, FewestOf(sites))) {
      for (const Sites& reveal : ChoicesOf(upload, ThresholdOf(sites))) {
        ExpectPlainSum({.sites = sites, .plan = PlanFor(mode), .seed = uint64_t(++patterns)},
                       {all, share, upload, upload, reveal});
      }
    }
  }
  return patterns;
}

TEST(SecureSumTest, IsThePlainSumForEveryPatternOfFourToSixSites) {
  EXPECT_EQ(ExpectPlainSumOfEveryPattern(SecureMode::kHonestButCurious, 4), 5);
  EXPECT_EQ(ExpectPlainSumOfEveryPattern(SecureMode::kHonestButCurious, 5), 16);
  EXPECT_EQ(ExpectPlainSumOfEveryPattern(SecureMode::kHonestButCurious, 6), 154);
}

TEST(SecureSumTest, IsThePlainSumForEveryPatternUnderMaliciousAsWell) {
  EXPECT_EQ(ExpectPlainSumOfEveryPattern(SecureMode::kMalicious, 4), 5);
  EXPECT_EQ(ExpectPlainSumOfEveryPattern(SecureMode::kMalicious, 5), 16);
  EXPECT_EQ(ExpectPlainSumOfEveryPattern(SecureMode::kMalicious, 6), 154);
}

TEST(SecureSumTest, NeedsNoMoreAgreementsThanTheThreshold) {
  const Sites all = FirstSites(6);
  for (const Sites& agree : ChoicesOf(all, ThresholdOf(6))) {
    ExpectPlainSum({.plan = PlanFor(SecureMode::kMalicious)}, {all, all, all, agree, agree});
  }
}

TEST(SecureSumTest, IsThatOfACohortWithoutThoseWhoNeverAdvertised) {
  const Sites came = {0, 2, 3, 5, 6, 8};
  ExpectPlainSum({.sites = 9}, {came, came, {0, 3, 5, 6, 8}, {0, 3, 6, 8}, {0, 3, 6, 8}});
}

TEST(SecureSumTest, IsTheSameInEveryOrderOfArrivalWithEveryMessageTwice) {
  const Sites all = FirstSites(7), share = Without(all, {2}), upload = Without(share, {5});
  for (const SecureMode mode : kMaskedModes) {
    for (uint64_t seed = 1; seed <= 40; ++seed) {
      ExpectPlainSum({.sites = 7, .plan = PlanFor(mode), .seed = seed, .repeat = seed % 2 == 1},
                     {all, share, upload, upload, upload});
    }
  }
}

// Bound and numbers as the coordinator sees them: two's complement of the lower bits.
int64_t Signed(uint32_t word, int bits) {
  return static_cast<int32_t>(word << (32 - bits)) >> (32 - bits);
}

TEST(SecureSumTest, DoesNotWrapAroundWhereEverybodyIsAtTheBound) {
  for (const int bits : {16, 24, 32}) {
    for (const int64_t sites : {4, 5, 17}) {
      for (const float sign : {-1.0f, 1.0f}) {
        MR_ASSERT_OK_AND_ASSIGN(const FixedPoint fixed_point, FixedPoint::Create(bits, sites, 4));
        const MaskedShape shape{.parameters = 20, .bits = bits};
        SecureCohort cohort({.sites = sites, .words = shape.words()});
        int64_t exact = 0;
        for (const int site : FirstSites(sites)) {
          Words& words = cohort.vector(site);
          MR_ASSERT_OK(EncodeUpdate(shape, fixed_point, 1, 0, std::vector<float>(20, 4 * sign),
                                    std::span(words).first(20)));
          std::ranges::copy(WeightDigits(0xffffffff), words.begin() + 20);
          exact += Signed(words[0], bits);
        }
        EXPECT_EQ(exact,
                  static_cast<int64_t>(sign) * sites * (((int64_t{1} << (bits - 1)) - 1) / sites));
        MR_ASSERT_OK_AND_ASSIGN(const Words sum, cohort.Run(Attendance::Of(FirstSites(sites))));
        for (int i = 0; i < 20; ++i) EXPECT_EQ(Signed(sum[i], bits), exact);
        EXPECT_EQ(sum[20], 0xffff * sites);
        EXPECT_EQ(sum[21], 0xffff * sites);
      }
    }
  }
}

TEST(SecureSumTest, FewerSitesThanThreeBeyondTheCorruptAreRefused) {
  for (int64_t sites = 0; sites < 4; ++sites) {
    SecureCohort cohort({.sites = std::max<int64_t>(1, sites)});
    EXPECT_THAT(
        cohort.Advertise(FirstSites(sites)),
        IsStatus(absl::StatusCode::kFailedPrecondition,
                 AllOf(HasSubstr("bearings round 41 attempt 2: "),
                       HasSubstr(absl::StrCat(sites, " sites advertised keys, at least 4")))));
    std::vector<v1::Advertisement> shown;
    for (const int site : FirstSites(sites)) shown.push_back(cohort.client(site).advertisement());
    EXPECT_THAT(cohort.client(0).TakeCohort(shown, cohort.certified_key()),
                Refuses(0, absl::StatusCode::kFailedPrecondition, "hides too little, at least 4"));
  }
}

TEST(SecureSumTest, MoreAssumedCorruptNeedMoreSites) {
  SecurePlan plan;
  plan.corrupt_share = 0.3;  // 2 of 5, and 3 beyond them: every one of the 5 must stay
  const Sites all = FirstSites(5);
  ExpectPlainSum({.sites = 5, .plan = plan}, Attendance::Of(all));
  SecureCohort cohort({.sites = 5, .plan = plan});
  EXPECT_THAT(cohort.Advertise({0, 1, 2, 3}),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("at least 5 are needed")));
}

}  // namespace
}  // namespace millrace
