// SPDX-License-Identifier: Apache-2.0
// The vector that travels under masks, and the sum of such vectors.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregation/secure/fixed_point.h"
#include "aggregation/secure/mask_stream.h"
#include "plan/plan.h"

namespace millrace {

/// 32-bit words that are added modulo 2^32: parameters in fixed point, of which the lower `bits`
/// travel; statistics as the digits of exact_sum.h; the weight in two 16-bit digits.
struct MaskedShape {
  int64_t parameters = 0;
  int64_t statistics = 0;
  int bits = 32;

  static constexpr int64_t kWeightDigits = 2;
  int64_t words() const { return parameters + statistics + kWeightDigits; }
  /// On the wire.
  int64_t bytes() const { return ByteOf(words()); }
  /// Where word `i` begins on the wire.
  int64_t ByteOf(int64_t i) const {
    return i <= parameters ? i * bits / 8 : parameters * bits / 8 + (i - parameters) * 4;
  }
};

/// How a plan's updates become fixed point: for a full cohort.
absl::StatusOr<FixedPoint> FixedPointOf(const Plan& plan);

/// A site's share of the largest weight, by which its delta is scaled: in (0, 1].
double WeightShare(const Plan& plan, double weight);

/// Words [offset, offset + update.size()) of what a site masks, from the floats of its update: its
/// delta and then its statistics' digits. The weight's digits are WeightDigits. INVALID_ARGUMENT if
/// the delta is not finite or a digit not a whole number below 2^16. The chunk may straddle both
/// sections.
absl::Status EncodeUpdate(const MaskedShape& shape, const FixedPoint& fixed_point, double share,
                          int64_t offset, std::span<const float> update, std::span<uint32_t> words);

/// A whole number of examples below 2^32.
std::vector<uint32_t> WeightDigits(double weight);

/// Words [offset, offset + words.size()) to their bytes on the wire, and back.
void PackWords(const MaskedShape& shape, int64_t offset, std::span<const uint32_t> words,
               std::span<char> bytes);
void UnpackWords(const MaskedShape& shape, int64_t offset, std::span<const char> bytes,
                 std::span<uint32_t> words);

/// The streaming sum of masked vectors: exact, whatever the order. Memory: 4 bytes per word and a
/// chunk, however many vectors.
class MaskedSum {
 public:
  explicit MaskedSum(const MaskedShape& shape) : shape_(shape), sum_(shape.words(), 0) {}

  const MaskedShape& shape() const { return shape_; }
  /// Adds words [offset, offset + words) of one vector as they came over the wire.
  void Fold(int64_t offset, int64_t words, std::span<const char> bytes);
  /// Takes the masks off.
  void AddMasks(std::span<const Mask> masks, int threads);

  // Of the sum without masks.

  double total_weight() const;
  /// Sums of digits, for DecodeExact.
  std::vector<double> statistics() const;
  /// mean[i] of parameter offset + i.
  void Mean(const FixedPoint& fixed_point, double total_share, int64_t offset,
            std::span<float> mean) const;

 private:
  MaskedShape shape_;
  std::vector<uint32_t> sum_;
  std::vector<uint32_t> chunk_;
};

}  // namespace millrace
