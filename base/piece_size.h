// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace millrace {

/// How much of a transfer goes into its next message. A message arrives whole or not at all, so a
/// link that breaks loses the one on its way, and a transfer moves only as often as one ends: small
/// ones for a slow link, and large ones, which cost the least, for a fast one. Begins small and at
/// most doubles, so that no more is on its way than has arrived before.
class PieceSize {
 public:
  static constexpr int64_t kLeast = 4 << 10;
  static constexpr int64_t kMost = 256 << 10;  // what gRPC buffers for many sites stays bounded

  int64_t bytes() const { return bytes_; }
  /// What the last one took.
  void Took(absl::Duration duration);

 private:
  int64_t bytes_ = kLeast;
};

}  // namespace millrace
