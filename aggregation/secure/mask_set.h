// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "aggregation/secure/mask_stream.h"

namespace millrace {

/// Masks that go onto one vector, or come off it, with their keys.
class MaskSet {
 public:
  void Add(MaskKey key, bool subtract) { masks_.emplace_back(std::move(key), subtract); }

  /// For AddMasks; valid while this object lives.
  std::vector<Mask> masks() const {
    std::vector<Mask> masks;
    masks.reserve(masks_.size());
    for (const auto& [key, subtract] : masks_) masks.push_back({&key, subtract});
    return masks;
  }

 private:
  std::vector<std::pair<MaskKey, bool>> masks_;
};

}  // namespace millrace
