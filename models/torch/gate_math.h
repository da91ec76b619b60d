// SPDX-License-Identifier: Apache-2.0
// Gate non-linearities that the compiler turns into vector code: no calls, no branches.
#pragma once

// Compiles a function for several instruction sets and picks one when the program starts. Not under
// sanitizers, whose runtime is not ready when the choice is made.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MR_VECTOR_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MR_VECTOR_CLONES
#endif

namespace millrace {

/// tanh within 3e-7, NaN for NaN. The rational approximation of Eigen's ptanh: beyond the bound
/// tanh is +-1 in float32.
inline __attribute__((always_inline)) float GateTanh(float x) {
  constexpr float kBound = 7.90531110763549805F;
  // In this order a NaN fails both comparisons and stays.
  x = x > kBound ? kBound : x;
  x = x < -kBound ? -kBound : x;
  const float s = x * x;
  float p = -2.76076847742355e-16F;
  p = p * s + 2.00018790482477e-13F;
  p = p * s - 8.60467152213735e-11F;
  p = p * s + 5.12229709037114e-08F;
  p = p * s + 1.48572235717979e-05F;
  p = p * s + 6.37261928875436e-04F;
  p = p * s + 4.89352455891786e-03F;
  float q = 1.19825839466702e-06F;
  q = q * s + 1.18534705686654e-04F;
  q = q * s + 2.26843463243900e-03F;
  q = q * s + 4.89352518554385e-03F;
  return x * p / q;
}

inline __attribute__((always_inline)) float GateSigmoid(float x) {
  return 0.5F + 0.5F * GateTanh(0.5F * x);
}

}  // namespace millrace
