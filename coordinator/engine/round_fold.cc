// SPDX-License-Identifier: Apache-2.0
#include "coordinator/engine/round_fold.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace millrace {

constexpr int64_t kChunk = 1 << 16;  // elements: 256 KiB, so that it is still in cache when folded

RoundFold::RoundFold(const RoundId& round, const UpdateShape& shape, Uploads* uploads)
    : round_(round), uploads_(uploads), sum_(shape.parameters, shape.statistics) {}

absl::Status RoundFold::Advance(const RoundState& round) {
  const bool open = round.phase == RoundPhase::kOpen;
  for (; next_ < round.cohort.size(); ++next_) {
    const auto contribution = round.contributions.find(round.cohort[next_]);
    if (contribution != round.contributions.end()) {
      MR_RETURN_IF_ERROR(FoldOne(contribution->second));
    } else if (open) {
      return absl::OkStatus();  // it may still come, and has its place in the order
    }
  }
  return absl::OkStatus();
}

absl::Status RoundFold::FoldOne(const Contribution& contribution) {
  MR_ASSIGN_OR_RETURN(const std::shared_ptr<Upload> upload,
                      uploads_->FindAccepted(round_, contribution));
  const int64_t elements = contribution.bytes / static_cast<int64_t>(sizeof(float));
  chunk_.resize(std::min(kChunk, elements));
  for (int64_t offset = 0; offset < elements; offset += kChunk) {
    const std::span<float> part(chunk_.data(), std::min(kChunk, elements - offset));
    MR_RETURN_IF_ERROR(
        upload->ReadAt(offset * static_cast<int64_t>(sizeof(float)),
                       {reinterpret_cast<char*>(part.data()), part.size_bytes()}));
    if (!sum_.Fold(offset, part, contribution.weight)) {
      return absl::DataLossError(
          absl::StrCat("site ", contribution.site, ": its staged update for ", ToString(round_),
                       " has changed on disk"));
    }
  }
  sum_.AddWeight(contribution.weight);
  return absl::OkStatus();
}

}  // namespace millrace
