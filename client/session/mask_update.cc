// SPDX-License-Identifier: Apache-2.0
#include "client/session/mask_update.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/data/site_message.h"

namespace millrace {
namespace {

constexpr int64_t kChunkWords = 1 << 20;

/// OK for a weight that fixed point has room for. How many examples a site has is under the masks;
/// a plan with a low limit does not get it told either.
absl::Status CheckWeight(const Plan& plan, double weight) {
  const Private found{absl::StrCat(" ", weight), ""};
  if (plan.update.weights == Weights::kEqual) {
    if (weight == 1) return absl::OkStatus();
    return SiteMessage("update: its weight", found, " must be 1: the plan weighs sites equally")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  // Written so that NaN is refused as well.
  const auto most = static_cast<double>(plan.update.max_weight);
  if (weight >= 1 && weight <= most && weight == std::floor(weight)) return absl::OkStatus();
  return SiteMessage("update: its weight", found, " is no whole number from 1 to [update] ",
                     "max_weight ", plan.update.max_weight,
                     "; raise it in the plan, or train on fewer examples at this site")
      .ToStatus(absl::StatusCode::kInvalidArgument);
}

}  // namespace

absl::Status MaskUpdate(const Plan& plan, const MaskedShape& shape, double weight,
                        std::span<const Mask> masks, File* clear, File* masked, Heartbeat* heart) {
  MR_RETURN_IF_ERROR(CheckWeight(plan, weight));
  MR_ASSIGN_OR_RETURN(const FixedPoint fixed_point, FixedPointOf(plan));
  const int64_t floats = shape.parameters + shape.statistics;
  MR_ASSIGN_OR_RETURN(const int64_t size, clear->Size());
  if (size != floats * static_cast<int64_t>(sizeof(float))) {
    return absl::InvalidArgumentError(
        absl::StrCat("update: ", size, " bytes, the round's have ", floats, " numbers"));
  }
  const std::vector<uint32_t> weight_digits = WeightDigits(weight);
  const double share = WeightShare(plan, weight);
  std::vector<float> update;
  std::vector<uint32_t> words;
  std::vector<char> bytes;
  for (int64_t first = 0; first < shape.words(); first += kChunkWords) {
    if (heart != nullptr) heart->Beat();
    const int64_t count = std::min(kChunkWords, shape.words() - first);
    words.resize(count);
    update.resize(std::min(count, std::max<int64_t>(0, floats - first)));
    MR_RETURN_IF_ERROR(
        clear->ReadAt(first * static_cast<int64_t>(sizeof(float)),
                      {reinterpret_cast<char*>(update.data()), update.size() * sizeof(float)}));
    MR_RETURN_IF_ERROR(EncodeUpdate(shape, fixed_point, share, first, update,
                                    std::span(words).first(update.size())));
    for (int64_t i = std::ssize(update); i < count; ++i)
      words[i] = weight_digits[first + i - floats];
    AddMasks(words, first, masks);
    bytes.resize(shape.ByteOf(first + count) - shape.ByteOf(first));
    PackWords(shape, first, words, bytes);
    MR_RETURN_IF_ERROR(masked->WriteAt(shape.ByteOf(first), bytes));
  }
  return absl::OkStatus();
}

}  // namespace millrace
