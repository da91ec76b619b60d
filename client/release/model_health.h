// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace millrace {

/// What an engine has counted of a model since it serves.
struct ModelCounts {
  int64_t windows = 0;
  int64_t faults = 0;  // no finite score
  int64_t slow = 0;    // took much longer than those of the model before
};

/// Whether a model is ill, by its last 500 to 1,000 windows: what was long ago neither excuses it
/// nor counts against it.
class ModelHealth {
 public:
  enum class Finding {
    kWell,
    kFails,  // three windows or more, and 1 % of them, without a finite score
    kSlow,   // 100 windows or more, and most of them, too slow
  };

  /// Each call gives the counts anew.
  Finding Judge(const ModelCounts& now);
  /// What has been counted so far counts no more.
  void Forgive(const ModelCounts& now) { older_ = newer_ = now; }

 private:
  // The windows that count began here, and, from the next turn on, there.
  ModelCounts older_;
  ModelCounts newer_;
};

}  // namespace millrace
