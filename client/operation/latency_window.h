// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace millrace {

/// Latencies of the last ten seconds and their quantiles, in memory that does not grow with their
/// number: counts in bins an eighth of a doubling wide, a second each. Thread-safe.
class LatencyWindow {
 public:
  static constexpr int64_t kSeconds = 10;
  /// Largest relative error of a quantile: a bin's width.
  static constexpr double kError = 0.0906;  // 2^(1/8) - 1

  /// Times are a monotonic clock's and never go back.
  void Add(int64_t latency_ns, int64_t now_ns);

  /// The upper edge of the bin that the quantile is in, ns; none: nothing was added in the last ten
  /// seconds. 0 < `share` <= 1.
  std::optional<double> Quantile(double share, int64_t now_ns) const;

 private:
  static constexpr int kBinsPerDoubling = 8;
  static constexpr int kBins = 45 * kBinsPerDoubling;  // up to ten hours
  struct Second {
    int64_t number = -1;
    std::array<int32_t, kBins> counts{};
  };

  mutable absl::Mutex mutex_;
  std::array<Second, kSeconds> seconds_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
