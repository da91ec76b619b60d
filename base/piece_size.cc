// SPDX-License-Identifier: Apache-2.0
#include "base/piece_size.h"

#include <algorithm>

namespace millrace {
namespace {

constexpr absl::Duration kAim = absl::Milliseconds(500);  // what a piece is to take

}  // namespace

void PieceSize::Took(absl::Duration duration) {
  if (duration <= kAim) {
    bytes_ = std::min(kMost, 2 * bytes_);
    return;
  }
  const double share = absl::FDivDuration(kAim, duration);
  bytes_ = std::max(kLeast, static_cast<int64_t>(static_cast<double>(bytes_) * share));
}

}  // namespace millrace
