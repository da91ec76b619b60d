// SPDX-License-Identifier: Apache-2.0
#include "client/operation/latency_window.h"

#include <algorithm>
#include <cmath>

namespace millrace {
namespace {

constexpr int64_t kNsPerWindowSecond = 1'000'000'000;

}  // namespace

void LatencyWindow::Add(int64_t latency_ns, int64_t now_ns) {
  const double doublings = std::log2(static_cast<double>(std::max<int64_t>(latency_ns, 1)));
  const int bin = std::min(static_cast<int>(doublings * kBinsPerDoubling), kBins - 1);
  const int64_t number = now_ns / kNsPerWindowSecond;
  const absl::MutexLock lock(&mutex_);
  Second& second = seconds_[number % kSeconds];
  if (second.number != number) second = Second{number, {}};
  ++second.counts[bin];
}

std::optional<double> LatencyWindow::Quantile(double share, int64_t now_ns) const {
  const int64_t number = now_ns / kNsPerWindowSecond;
  std::array<int64_t, kBins> counts{};
  int64_t sum = 0;
  {
    const absl::MutexLock lock(&mutex_);
    for (const Second& second : seconds_) {
      if (second.number < 0 || number - second.number >= kSeconds) continue;
      for (int bin = 0; bin < kBins; ++bin) counts[bin] += second.counts[bin];
    }
  }
  for (const int64_t count : counts) sum += count;
  if (sum == 0) return std::nullopt;
  const auto rank = static_cast<int64_t>(std::ceil(share * static_cast<double>(sum)));
  int bin = 0;
  for (int64_t below = counts[0]; below < rank; below += counts[bin]) ++bin;
  return std::exp2(static_cast<double>(bin + 1) / kBinsPerDoubling);
}

}  // namespace millrace
