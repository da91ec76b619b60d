// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/share_recovery.h"

#include <gmock/gmock.h>

#include <numeric>

#include "base/random.h"
#include "tests/unit/aggregation/secure/secure_cohort.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::IsStatus;
using ::testing::IsSubsetOf;
using testing::SecureCohort;
using testing::Sites;

struct RecoveryCase {
  std::vector<uint64_t> points, values;
  std::vector<size_t> wrong;
};

/// Values of a random polynomial of degree below `threshold`, `wrong` of them changed.
RecoveryCase Spoilt(size_t count, size_t threshold, size_t wrong, Random& random) {
  std::vector<uint64_t> coefficients;
  for (size_t k = 0; k < threshold; ++k) coefficients.push_back(random.Next() % Field61::kPrime);
  RecoveryCase spoilt;
  for (uint64_t x = 1; x <= count; ++x) {
    spoilt.points.push_back(x);
    spoilt.values.push_back(EvaluatePolynomial<Field61>(coefficients, x));
  }
  std::vector<size_t> places(count);
  std::iota(places.begin(), places.end(), size_t{0});
  random.Shuffle(std::span(places));
  spoilt.wrong.assign(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(wrong));
  for (const size_t place : spoilt.wrong) {
    spoilt.values[place] = Field61::Add(spoilt.values[place], 1 + random.Below(1000));
  }
  return spoilt;
}

TEST(FindWrongPlaces, NamesAllAsLongAsTheyAreHalfOfThoseToSpare) {
  Random random(1);
  for (size_t count = 1; count <= 24; ++count) {
    for (size_t threshold = 1; threshold <= count; ++threshold) {
      const size_t most = (count - threshold) / 2;
      for (size_t wrong = 0; wrong <= most; ++wrong) {
        const RecoveryCase spoilt = Spoilt(count, threshold, wrong, random);
        const auto found =
            FindWrongPlaces(spoilt.points, spoilt.values, static_cast<int64_t>(threshold));
        ASSERT_TRUE(found) << count << ", " << threshold << ", " << wrong;
        EXPECT_THAT(spoilt.wrong, IsSubsetOf(*found)) << count << ", " << threshold;
        EXPECT_LE(found->size(), most);
      }
    }
  }
}

// Of twelve shares, eight in a row are never right.
TEST(ShareRecovery, LiarsAmongTheHoldersDoNotCostTheRound) {
  const Sites all = testing::FirstSites(12);
  SecureCohort cohort({.sites = 12});
  MR_ASSERT_OK(cohort.Advertise(all));
  MR_ASSERT_OK(cohort.Share(all));
  MR_ASSERT_OK(cohort.Upload(all));
  MR_ASSERT_OK(cohort.Agree(all));
  for (const int site : all) {
    MR_ASSERT_OK_AND_ASSIGN(v1::UnmaskRequest request, cohort.client(site).Reveal({}));
    if (site == 1 || site == 7) {
      for (v1::RevealedShare& share : *request.mutable_shares()) {
        share.mutable_seed()->at(site + 8) ^= 1;  // another limb of each liar
      }
    }
    if (site == 7) request.mutable_shares(2)->mutable_seed()->at(7) = '\xff';  // not below 2^61 - 1
    MR_ASSERT_OK(cohort.server().AddReveal(SecureCohort::Name(site), request));
  }
  EXPECT_THAT(cohort.Unmask(), IsOkAndHolds(cohort.PlainSum(all)));
}

TEST(ShareRecovery, TooManyLiarsAreNoticed) {
  const Sites all = testing::FirstSites(12);
  SecureCohort cohort({.sites = 12});
  MR_ASSERT_OK(cohort.Advertise(all));
  MR_ASSERT_OK(cohort.Share(all));
  MR_ASSERT_OK(cohort.Upload(all));
  MR_ASSERT_OK(cohort.Agree(all));
  for (const int site : all) {
    MR_ASSERT_OK_AND_ASSIGN(v1::UnmaskRequest request, cohort.client(site).Reveal({}));
    if (site % 4 == 1) request.mutable_shares(5)->mutable_seed()->at(site / 4) ^= 0x31 + site;
    MR_ASSERT_OK(cohort.server().AddReveal(SecureCohort::Name(site), request));
  }
  EXPECT_THAT(cohort.Unmask(),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("secret of site press-005: wrong among its 12 shares")));
}

}  // namespace
}  // namespace millrace
