// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace millrace {

/// Below this a BLAS is not made for this machine: the reference one does about 4 GFLOP/s, OpenBLAS
/// some 100 on the same core.
inline constexpr double kSlowGflops = 10;

/// Speed of a single-precision 512 x 512 matrix product in LibTorch on the CPU, in GFLOP/s: the
/// best of a few. Takes some 10 ms, or 200 ms with a slow BLAS.
double GemmGflops();

/// Logs a warning that names the remedy when GemmGflops() is below kSlowGflops.
void WarnIfBlasIsSlow();

}  // namespace millrace
