// SPDX-License-Identifier: Apache-2.0
#include "models/torch/blas_speed.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>

#include "base/log.h"

namespace millrace {

double GemmGflops() {
  constexpr int64_t kSize = 512;
  constexpr double kFlop = 2.0 * kSize * kSize * kSize;
  constexpr int kRepetitions = 3;  // the first also pays for the BLAS's own start
  torch::NoGradGuard no_grad;
  // Constants: the product's speed does not depend on them, and the seeded generator stays put.
  const torch::Tensor a = torch::full({kSize, kSize}, 0.5F);
  torch::Tensor product = torch::empty({kSize, kSize});
  double best = 0;
  for (int i = 0; i < kRepetitions; ++i) {
    const auto start = std::chrono::steady_clock::now();
    torch::mm_out(product, a, a);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    best = std::max(best, kFlop / elapsed.count() / 1e9);
  }
  return best;
}

void WarnIfBlasIsSlow() {
  const double speed = GemmGflops();
  if (speed >= kSlowGflops) return;
  LogWarning("matrix products are slow; install libopenblas0-openmp or another optimised BLAS",
             {{"gflops", speed}, {"expected_at_least", kSlowGflops}});
}

}  // namespace millrace
