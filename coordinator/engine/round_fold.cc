// SPDX-License-Identifier: Apache-2.0
#include "coordinator/engine/round_fold.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace millrace {

constexpr int64_t kFoldChunk =
    1 << 16;  // elements: 256 KiB, so that it is still in cache when folded

RoundFold::RoundFold(const RoundId& round, const UpdateShape& shape, Uploads* uploads)
    : round_(round), uploads_(uploads), sum_(WeightedSum(shape.parameters, shape.statistics)) {}

RoundFold::RoundFold(const RoundId& round, const MaskedShape& shape, Uploads* uploads)
    : round_(round), uploads_(uploads), sum_(MaskedSum(shape)) {}

absl::Status RoundFold::Advance(const RoundState& round, const std::function<void()>& on_folded) {
  const bool open = round.phase == RoundPhase::kOpen;
  for (; next_ < round.cohort.size(); ++next_) {
    const auto contribution = round.contributions.find(round.cohort[next_]);
    if (contribution != round.contributions.end()) {
      MR_RETURN_IF_ERROR(FoldOne(contribution->second));
      on_folded();
    } else if (open) {
      return absl::OkStatus();  // it may still come, and has its place in the order
    }
  }
  return absl::OkStatus();
}

absl::Status RoundFold::FoldOne(const Contribution& contribution) {
  const bool is_masked = std::holds_alternative<MaskedSum>(sum_);
  MR_ASSIGN_OR_RETURN(const std::shared_ptr<Upload> upload,
                      uploads_->FindAccepted(round_, contribution, is_masked));
  if (MaskedSum* const masked = std::get_if<MaskedSum>(&sum_)) return FoldMasked(*upload, *masked);
  return FoldClear(contribution, *upload, std::get<WeightedSum>(sum_));
}

absl::Status RoundFold::FoldClear(const Contribution& contribution, Upload& upload,
                                  WeightedSum& sum) {
  const int64_t elements = contribution.bytes / static_cast<int64_t>(sizeof(float));
  std::vector<float> chunk(std::min(kFoldChunk, elements));
  for (int64_t offset = 0; offset < elements; offset += kFoldChunk) {
    const std::span<float> part(chunk.data(), std::min(kFoldChunk, elements - offset));
    MR_RETURN_IF_ERROR(upload.ReadAt(offset * static_cast<int64_t>(sizeof(float)),
                                     {reinterpret_cast<char*>(part.data()), part.size_bytes()}));
    if (!sum.Fold(offset, part, contribution.weight)) {
      return absl::DataLossError(absl::StrCat("site ", contribution.site,
                                              ": its staged update for ", ToString(round_),
                                              " has changed on disk"));
    }
  }
  sum.AddWeight(contribution.weight);
  return absl::OkStatus();
}

absl::Status RoundFold::FoldMasked(Upload& upload, MaskedSum& sum) {
  const MaskedShape& shape = sum.shape();
  std::vector<char> chunk;
  for (int64_t word = 0; word < shape.words(); word += kFoldChunk) {
    const int64_t words = std::min(kFoldChunk, shape.words() - word);
    const int64_t first = shape.ByteOf(word);
    chunk.resize(shape.ByteOf(word + words) - first);
    MR_RETURN_IF_ERROR(upload.ReadAt(first, chunk));
    sum.Fold(word, words, chunk);
  }
  return absl::OkStatus();
}

}  // namespace millrace
