// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/masked_vector.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "aggregation/secure/pack.h"
#include "base/check.h"

namespace millrace {
namespace {

/// Splits a chunk that begins at word `offset` where the parameters end.
template <typename T>
std::pair<std::span<T>, std::span<T>> Split(const MaskedShape& shape, int64_t offset,
                                            std::span<T> words) {
  const int64_t first = std::clamp<int64_t>(shape.parameters - offset, 0, std::ssize(words));
  return {words.first(first), words.subspan(first)};
}

uint8_t* Unsigned(char* bytes) { return reinterpret_cast<uint8_t*>(bytes); }
const uint8_t* Unsigned(const char* bytes) { return reinterpret_cast<const uint8_t*>(bytes); }

}  // namespace

absl::StatusOr<FixedPoint> FixedPointOf(const Plan& plan) {
  return FixedPoint::Create(static_cast<int>(plan.secure.bits), plan.cohort_size(),
                            plan.secure.bound);
}

double WeightShare(const Plan& plan, double weight) {
  return plan.update.weights == Weights::kEqual
             ? weight
             : weight / static_cast<double>(plan.update.max_weight);
}

absl::Status EncodeUpdate(const MaskedShape& shape, const FixedPoint& fixed_point, double share,
                          int64_t offset, std::span<const float> update,
                          std::span<uint32_t> words) {
  const auto [delta, digits] = Split(shape, offset, update);
  const auto [delta_words, digit_words] = Split(shape, offset, words);
  // The rounding's randomness is the site's own: a stream that nobody else knows.
  std::vector<uint32_t> random(delta.size(), 0);
  const MaskKey key = MaskKey::Random();
  const Mask stream{&key};
  AddMasks(random, 0, std::span(&stream, 1));
  if (!fixed_point.Encode(delta, share, random, delta_words)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a delta from parameter ", offset, " on is not finite"));
  }
  for (size_t i = 0; i < digits.size(); ++i) {
    // Written so that NaN is refused as well.
    if (!(digits[i] >= 0 && digits[i] <= 0xffff && digits[i] == std::floor(digits[i]))) {
      return absl::InvalidArgumentError(absl::StrCat("a statistic's digit is ", digits[i],
                                                     ", not a whole number from 0 to 65535"));
    }
    digit_words[i] = static_cast<uint32_t>(digits[i]);
  }
  return absl::OkStatus();
}

std::vector<uint32_t> WeightDigits(double weight) {
  const auto whole = static_cast<uint64_t>(weight);
  MR_CHECK(whole < (uint64_t{1} << 32) && static_cast<double>(whole) == weight);
  return {static_cast<uint32_t>(whole & 0xffff), static_cast<uint32_t>(whole >> 16)};
}

void PackWords(const MaskedShape& shape, int64_t offset, std::span<const uint32_t> words,
               std::span<char> bytes) {
  const auto [narrow, wide] = Split(shape, offset, words);
  const size_t border = PackedBytes(shape.bits, narrow.size());
  Pack(shape.bits, narrow, {Unsigned(bytes.data()), border});
  Pack(32, wide, {Unsigned(bytes.data()) + border, bytes.size() - border});
}

void UnpackWords(const MaskedShape& shape, int64_t offset, std::span<const char> bytes,
                 std::span<uint32_t> words) {
  const auto [narrow, wide] = Split(shape, offset, words);
  const size_t border = PackedBytes(shape.bits, narrow.size());
  Unpack(shape.bits, {Unsigned(bytes.data()), border}, narrow);
  Unpack(32, {Unsigned(bytes.data()) + border, bytes.size() - border}, wide);
}

void MaskedSum::Fold(int64_t offset, int64_t words, std::span<const char> bytes) {
  chunk_.resize(words);
  UnpackWords(shape_, offset, bytes, chunk_);
  uint32_t* const sum = sum_.data() + offset;
  for (int64_t i = 0; i < words; ++i) sum[i] += chunk_[i];
}

void MaskedSum::AddMasks(std::span<const Mask> masks, int threads) {
  millrace::AddMasks(sum_, 0, masks, threads);
}

double MaskedSum::total_weight() const {
  const uint32_t* const digits = sum_.data() + shape_.parameters + shape_.statistics;
  return static_cast<double>(digits[0]) + 65536.0 * static_cast<double>(digits[1]);
}

std::vector<double> MaskedSum::statistics() const {
  const auto first = sum_.begin() + shape_.parameters;
  return {first, first + shape_.statistics};
}

void MaskedSum::Mean(const FixedPoint& fixed_point, double total_share, int64_t offset,
                     std::span<float> mean) const {
  fixed_point.Decode(std::span(sum_).subspan(offset, mean.size()), total_share, mean);
}

}  // namespace millrace
