// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace millrace {

/// When training is to stand still so that serving keeps its latency: once the 99th percentile has
/// been above `danger_share` of the budget for `danger_ns`, until it has been below `calm_share` of
/// it for `calm_ns`. No pause is longer than `longest_ns`; after one that brought nothing training
/// runs for as long, whatever the latency: training is not what makes it. Decides from what it is
/// told. Not thread-safe.
class TrainingBrake {
 public:
  struct Options {
    int64_t budget_ns = 10'000'000;
    double danger_share = 0.8;
    double calm_share = 0.5;
    int64_t danger_ns = 1'000'000'000;
    int64_t calm_ns = 15'000'000'000;
    int64_t longest_ns = 120'000'000'000;
  };

  explicit TrainingBrake(const Options& options) : options_(options) {}

  /// Whether training is to stand still from now on. `p99_ns`: none where there were no verdicts,
  /// which is calm. `now_ns`: a monotonic clock's.
  bool Decide(std::optional<double> p99_ns, int64_t now_ns);

 private:
  const Options options_;
  bool held_ = false;
  int64_t changed_ns_ = 0;           // when it was held or let go last
  bool given_up_ = false;            // the last pause brought nothing
  std::optional<int64_t> since_ns_;  // the other state has been asked for without a break
};

}  // namespace millrace
