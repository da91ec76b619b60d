// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

namespace millrace {

/// When blocks are due that a plant gives at `speed` simulated seconds in a second, 0: at once.
class LivePace {
 public:
  LivePace(double speed, int64_t block_ns, int64_t begin_ns)
      : speed_(speed), block_ns_(block_ns), begin_ns_(begin_ns) {}

  /// How long to wait for block `number`, 0-based: it is due when its last row has been.
  int64_t WaitNs(int64_t number, int64_t now_ns) {
    if (speed_ == 0) return 0;
    const double due = static_cast<double>(number + 1) * static_cast<double>(block_ns_) / speed_;
    const int64_t wait = begin_ns_ + static_cast<int64_t>(due) - now_ns;
    latest_ns_ = std::max(latest_ns_, -wait);
    return std::max<int64_t>(wait, 0);
  }
  /// The furthest that it was behind.
  int64_t latest_ns() const { return latest_ns_; }

 private:
  const double speed_;
  const int64_t block_ns_;
  const int64_t begin_ns_;
  int64_t latest_ns_ = 0;
};

}  // namespace millrace
