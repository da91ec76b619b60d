// SPDX-License-Identifier: Apache-2.0
// Shamir's secret sharing (Shamir 1979) of 16-byte and 32-byte secrets over GF(2^61 - 1): any
// `threshold` shares give the secret back, one fewer say nothing about it. The secret is cut into
// limbs of 7 bytes, least significant first, each the constant term of a polynomial of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "aggregation/secure/polynomial.h"
#include "aggregation/secure/prime_field.h"
#include "base/secret.h"

namespace millrace {

inline constexpr size_t kShamirLimbBytes = 7;

constexpr size_t ShamirLimbs(size_t secret_bytes) {
  return (secret_bytes + kShamirLimbBytes - 1) / kShamirLimbBytes;
}

/// Leaves zeros where secrets were.
void Wipe(std::span<uint64_t> values);

/// What one holder keeps of a secret of N bytes: each limb's polynomial at the holder's point.
/// Wiped when it goes: whoever splits a secret has all of its shares.
template <size_t N>
struct ShamirShare {
  ~ShamirShare() { Wipe(values); }
  std::array<uint64_t, ShamirLimbs(N)> values{};
  bool operator==(const ShamirShare&) const = default;
};

/// Uniform in Field61, from OpenSSL's generator for secrets. Ends the process where there is none.
uint64_t RandomFieldElement();

/// One share per point. The points are the holders' x coordinates, distinct and not zero (index
/// plus 1); 1 <= threshold <= points. `random` gives the polynomials' other coefficients, limb by
/// limb, lowest power first: uniform elements of Field61, from a cryptographic source except in
/// tests. N is 16 or 32.
template <size_t N>
std::vector<ShamirShare<N>> SplitSecret(
    const Secret<N>& secret, int64_t threshold, std::span<const uint64_t> points,
    const std::function<uint64_t()>& random = RandomFieldElement);

/// The secret, from exactly the shares at `lagrange`'s points, in their order; for many secrets
/// with the same holders. INVALID_ARGUMENT if their number differs, if a value is not in Field61,
/// or if a limb comes out too large for its bytes. One altered limb of 7 bytes in 32 passes that
/// last check: whoever must be sure compares the secret with what is published about it.
template <size_t N>
absl::StatusOr<Secret<N>> ReconstructSecret(const LagrangeAtZero<Field61>& lagrange,
                                            std::span<const ShamirShare<N>> shares);

/// The same for a single secret, from the first `threshold` of the shares at `points`.
/// INVALID_ARGUMENT also if there are fewer, or if a point is zero or there twice.
template <size_t N>
absl::StatusOr<Secret<N>> ReconstructSecret(int64_t threshold, std::span<const uint64_t> points,
                                            std::span<const ShamirShare<N>> shares);

}  // namespace millrace
