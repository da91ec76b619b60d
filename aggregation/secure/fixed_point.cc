// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/fixed_point.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "aggregation/vector_targets.h"
#include "aggregation/weighted_sum.h"
#include "base/check.h"

namespace millrace {
namespace {

// |limit| < 2^31, so that every clamped value is an int32.
MR_VECTOR_TARGETS void EncodeLoop(const float* __restrict x, const uint32_t* __restrict random,
                                  uint32_t* __restrict out, size_t n, double scale, double limit) {
  for (size_t i = 0; i < n; ++i) {
    const double value = std::clamp(scale * static_cast<double>(x[i]), -limit, limit);
    const auto towards_zero = static_cast<int32_t>(value);
    const double rest = std::abs(value - towards_zero) * 0x1p32;
    const int32_t away = value < 0 ? -1 : 1;
    out[i] = towards_zero + (static_cast<double>(random[i]) < rest ? away : 0);
  }
}

MR_VECTOR_TARGETS void DecodeLoop(const uint32_t* __restrict sum, float* __restrict mean, size_t n,
                                  int unused_bits, double total) {
  for (size_t i = 0; i < n; ++i) {
    const auto value = static_cast<int32_t>(sum[i] << unused_bits) >> unused_bits;
    mean[i] = static_cast<float>(value / total);
  }
}

}  // namespace

absl::StatusOr<FixedPoint> FixedPoint::Create(int bits, int64_t sites, double bound) {
  if (bits != 16 && bits != 24 && bits != 32) {
    return absl::InvalidArgumentError(absl::StrCat(bits, " bits: must be 16, 24 or 32"));
  }
  if (sites < 1)
    return absl::InvalidArgumentError(absl::StrCat(sites, " sites: must be at least 1"));
  using Float = std::numeric_limits<float>;
  if (!(bound >= Float::min() && bound <= Float::max())) {
    return absl::InvalidArgumentError(
        absl::StrCat("bound ", bound, ": must be a positive float32"));
  }
  const int64_t steps = ((int64_t{1} << (bits - 1)) - 1) / sites;
  if (steps < 1) {
    return absl::InvalidArgumentError(absl::StrCat("the sum of ", sites, " sites in ", bits,
                                                   " bits leaves no step for the bound ", bound));
  }
  return FixedPoint(bits, sites, steps, bound);
}

FixedPoint::FixedPoint(int bits, int64_t sites, int64_t steps, double bound)
    : bits_(bits),
      sites_(sites),
      steps_(static_cast<double>(steps)),
      scale_(static_cast<double>(steps) / bound) {}

bool FixedPoint::Encode(std::span<const float> x, double share, std::span<const uint32_t> random,
                        std::span<uint32_t> out) const {
  MR_CHECK(x.size() == random.size() && x.size() == out.size());
  MR_CHECK(share > 0 && share <= 1);
  if (!AllFinite(x)) return false;
  EncodeLoop(x.data(), random.data(), out.data(), x.size(), scale_ * share, steps_ * share);
  return true;
}

void FixedPoint::Decode(std::span<const uint32_t> sum, double total_share,
                        std::span<float> mean) const {
  MR_CHECK(sum.size() == mean.size());
  MR_CHECK(total_share > 0);
  DecodeLoop(sum.data(), mean.data(), sum.size(), 32 - bits_, scale_ * total_share);
}

double FixedPoint::WorstError(double total_share) const {
  return static_cast<double>(sites_) / (scale_ * total_share);
}

double FixedPoint::StandardError(double total_share) const {
  return std::sqrt(static_cast<double>(sites_)) / (2 * scale_ * total_share);
}

}  // namespace millrace
