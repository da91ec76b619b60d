// SPDX-License-Identifier: Apache-2.0
#include "aggregation/weighted_sum.h"

#include <algorithm>
#include <bit>

#include "aggregation/vector_targets.h"
#include "base/check.h"

namespace millrace {
namespace {

// Bit 31 set iff the biased exponent is at least `exponent`. OR-ing these words costs no branch and
// no lane crossing, so that the check rides along with a loop over memory.
template <uint32_t exponent>
inline uint32_t Mark(float x) {
  return (std::bit_cast<uint32_t>(x) & 0x7f800000U) + ((256U - exponent) << 23);
}

constexpr uint32_t kNonFinite = 255;  // NaN and the infinities
constexpr uint32_t kOutOfBound = std::bit_cast<uint32_t>(kUpdateBound) >> 23;
static_assert(std::bit_cast<uint32_t>(kUpdateBound) == kOutOfBound << 23, "a power of two");

inline bool Marked(uint32_t marks) { return (marks >> 31) != 0; }

MR_VECTOR_TARGETS uint32_t FoldLoop(double* __restrict sum, const float* __restrict x, size_t n,
                                    double weight) {
  uint32_t marks = 0;
  for (size_t i = 0; i < n; ++i) {
    sum[i] += weight * static_cast<double>(x[i]);
    marks |= Mark<kNonFinite>(x[i]);
  }
  return marks;
}

MR_VECTOR_TARGETS uint32_t NonFiniteLoop(const float* x, size_t n) {
  uint32_t marks = 0;
  for (size_t i = 0; i < n; ++i) marks |= Mark<kNonFinite>(x[i]);
  return marks;
}

MR_VECTOR_TARGETS uint32_t OutOfBoundLoop(const float* x, size_t n) {
  uint32_t marks = 0;
  for (size_t i = 0; i < n; ++i) marks |= Mark<kOutOfBound>(x[i]);
  return marks;
}

MR_VECTOR_TARGETS void MeanLoop(float* __restrict mean, const double* __restrict sum, size_t n,
                                double total) {
  for (size_t i = 0; i < n; ++i) mean[i] = static_cast<float>(sum[i] / total);
}

}  // namespace

bool FoldChunk(std::span<double> sum, std::span<const float> x, double weight) {
  MR_CHECK(sum.size() == x.size());
  return !Marked(FoldLoop(sum.data(), x.data(), x.size(), weight));
}

bool AllFinite(std::span<const float> x) { return !Marked(NonFiniteLoop(x.data(), x.size())); }

bool WithinUpdateBound(std::span<const float> x) {
  return !Marked(OutOfBoundLoop(x.data(), x.size()));
}

WeightedSum::WeightedSum(int64_t parameters, int64_t statistics)
    : parameters_(parameters), sum_(parameters + statistics) {
  MR_CHECK(parameters >= 0 && statistics >= 0);
}

bool WeightedSum::Fold(int64_t offset, std::span<const float> x, double weight) {
  MR_CHECK(offset >= 0 && x.size() <= sum_.size() &&
           static_cast<size_t>(offset) <= sum_.size() - x.size());
  const std::span<double> target = std::span(sum_).subspan(offset, x.size());
  const size_t weighted = std::clamp<int64_t>(parameters_ - offset, 0, x.size());
  const bool parameters_finite = FoldChunk(target.first(weighted), x.first(weighted), weight);
  return FoldChunk(target.subspan(weighted), x.subspan(weighted), 1) && parameters_finite;
}

void WeightedSum::AddWeight(double weight) {
  total_weight_ += weight;
  ++updates_;
}

std::span<const double> WeightedSum::statistics() const {
  return std::span(sum_).subspan(parameters_);
}

void WeightedSum::Mean(int64_t offset, std::span<float> mean) const {
  MR_CHECK(total_weight_ > 0);
  MR_CHECK(offset >= 0 && offset <= parameters_ &&
           static_cast<int64_t>(mean.size()) <= parameters_ - offset);
  MeanLoop(mean.data(), sum_.data() + offset, mean.size(), total_weight_);
}

}  // namespace millrace
