// SPDX-License-Identifier: Apache-2.0
// A secret from shares of which some may be lies.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "aggregation/secure/shamir.h"

namespace millrace {

/// The revealed shares of one secret, with the points they belong to.
template <size_t N>
struct GatheredShares {
  std::vector<uint64_t> points;
  std::vector<ShamirShare<N>> shares;
  void Add(uint64_t point, const ShamirShare<N>& share) {
    points.push_back(point);
    shares.push_back(share);
  }
};

/// Which of n values are not those of one polynomial of degree below `threshold`, at most n of it:
/// if no more than e = (n - threshold) / 2 are wrong, all of them are among the places returned,
/// and these are at most e (Berlekamp and Welch, US patent 4,633,470, expired). If more are, none
/// or any. Points are different and not zero. Costs about n^3 multiplications.
std::optional<std::vector<size_t>> FindWrongPlaces(std::span<const uint64_t> points,
                                                   std::span<const uint64_t> values,
                                                   int64_t threshold);

/// The secret that `fits`, in spite of sites that lie about their shares: wherever some `threshold`
/// of them in a row, in a ring, are right, and wherever no more than (n - threshold) / 2 of n are
/// wrong. FAILED_PRECONDITION otherwise.
template <size_t N, typename Fits>
absl::StatusOr<Secret<N>> ReconstructFitting(const GatheredShares<N>& all, int64_t threshold,
                                             const Fits& fits) {
  if (std::ssize(all.points) < threshold) {
    return absl::FailedPreconditionError(
        absl::StrCat(all.points.size(), " shares, ", threshold, " are needed"));
  }
  const absl::Status wrong =
      absl::FailedPreconditionError(absl::StrCat("wrong among its ", all.points.size(), " shares"));
  GatheredShares<N> gathered, chosen;
  for (size_t i = 0; i < all.points.size(); ++i) {
    if (std::ranges::max(all.shares[i].values) < Field61::kPrime) {
      gathered.Add(all.points[i], all.shares[i]);
    }
  }
  const auto count = static_cast<int64_t>(gathered.points.size());
  if (count < threshold) return wrong;
  for (int64_t start = 0; start < (count == threshold ? 1 : count); ++start) {
    chosen = {};
    for (int64_t i = 0; i < threshold; ++i) {
      chosen.Add(gathered.points[(start + i) % count], gathered.shares[(start + i) % count]);
    }
    absl::StatusOr<Secret<N>> secret =
        ReconstructSecret<N>(threshold, chosen.points, chosen.shares);
    if (secret.ok() && fits(*secret)) return secret;
  }
  // All limbs at once: a random combination hides a lie in one with a chance of 2^-61.
  std::vector<uint64_t> values(count, 0);
  for (size_t limb = 0; limb < ShamirLimbs(N); ++limb) {
    const uint64_t factor = RandomFieldElement();
    for (int64_t i = 0; i < count; ++i) {
      values[i] = Field61::Add(values[i], Field61::Mul(factor, gathered.shares[i].values[limb]));
    }
  }
  if (const auto places = FindWrongPlaces(gathered.points, values, threshold)) {
    chosen = {};
    for (int64_t i = 0; i < count; ++i) {
      if (std::ranges::count(*places, static_cast<size_t>(i)) == 0) {
        chosen.Add(gathered.points[i], gathered.shares[i]);
      }
    }
    absl::StatusOr<Secret<N>> secret =
        ReconstructSecret<N>(threshold, chosen.points, chosen.shares);
    if (secret.ok() && fits(*secret)) return secret;
  }
  return wrong;
}

}  // namespace millrace
