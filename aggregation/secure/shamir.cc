// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/shamir.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"

namespace millrace {
namespace {

// Field elements that are wiped when they go.
class SecretElements {
 public:
  explicit SecretElements(size_t count) : elements_(count) {}
  ~SecretElements() { Wipe(elements_); }
  SecretElements(const SecretElements&) = delete;
  SecretElements& operator=(const SecretElements&) = delete;

  uint64_t& operator[](size_t i) { return elements_[i]; }
  std::span<const uint64_t> span() const { return elements_; }

 private:
  std::vector<uint64_t> elements_;
};

// The bytes of limb `limb`: 7, or what is left for the last one.
template <typename Byte, size_t N>
std::span<Byte> LimbBytes(std::span<Byte, N> secret, size_t limb) {
  const size_t begin = limb * kShamirLimbBytes;
  return std::span<Byte>(secret).subspan(begin, std::min(kShamirLimbBytes, N - begin));
}

uint64_t ReadLimb(std::span<const uint8_t> bytes) {
  uint64_t limb = 0;
  for (size_t i = bytes.size(); i-- > 0;) limb = limb << 8 | bytes[i];
  return limb;
}

// False if the limb does not fit.
bool WriteLimb(uint64_t limb, std::span<uint8_t> bytes) {
  for (uint8_t& byte : bytes) {
    byte = static_cast<uint8_t>(limb);
    limb >>= 8;
  }
  return limb == 0;
}

template <size_t N>
absl::Status CheckValues(std::span<const ShamirShare<N>> shares) {
  for (size_t j = 0; j < shares.size(); ++j) {
    for (const uint64_t value : shares[j].values) {
      if (value >= Field61::kPrime) {
        return absl::InvalidArgumentError(
            absl::StrCat("share ", j, " holds ", value, ", which is not below 2^61 - 1"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

void Wipe(std::span<uint64_t> values) { OPENSSL_cleanse(values.data(), values.size_bytes()); }

uint64_t RandomFieldElement() {
  while (true) {
    uint64_t bits;
    MR_CHECK(RAND_priv_bytes(reinterpret_cast<unsigned char*>(&bits), sizeof bits) == 1);
    bits >>= 3;  // 61 of them
    if (bits < Field61::kPrime) return bits;
  }
}

template <size_t N>
std::vector<ShamirShare<N>> SplitSecret(const Secret<N>& secret, int64_t threshold,
                                        std::span<const uint64_t> points,
                                        const std::function<uint64_t()>& random) {
  MR_CHECK(threshold >= 1 && static_cast<size_t>(threshold) <= points.size());
  MR_CHECK(LagrangeAtZero<Field61>::Create(points).ok());
  std::vector<ShamirShare<N>> shares(points.size());
  SecretElements coefficients(threshold);
  for (size_t limb = 0; limb < ShamirLimbs(N); ++limb) {
    coefficients[0] = ReadLimb(LimbBytes(secret.bytes(), limb));
    for (int64_t k = 1; k < threshold; ++k) coefficients[k] = random();
    for (size_t j = 0; j < points.size(); ++j) {
      shares[j].values[limb] = EvaluatePolynomial<Field61>(coefficients.span(), points[j]);
    }
  }
  return shares;
}

template <size_t N>
absl::StatusOr<Secret<N>> ReconstructSecret(const LagrangeAtZero<Field61>& lagrange,
                                            std::span<const ShamirShare<N>> shares) {
  if (shares.size() != lagrange.points()) {
    return absl::InvalidArgumentError(
        absl::StrCat(shares.size(), " shares for ", lagrange.points(), " points"));
  }
  MR_RETURN_IF_ERROR(CheckValues(shares));
  Secret<N> secret;
  SecretElements values(shares.size());
  for (size_t limb = 0; limb < ShamirLimbs(N); ++limb) {
    for (size_t j = 0; j < shares.size(); ++j) values[j] = shares[j].values[limb];
    if (!WriteLimb(lagrange.Interpolate(values.span()), LimbBytes(secret.mutable_bytes(), limb))) {
      return absl::InvalidArgumentError(
          absl::StrCat("the shares give no secret: limb ", limb, " is too large"));
    }
  }
  return secret;
}

template <size_t N>
absl::StatusOr<Secret<N>> ReconstructSecret(int64_t threshold, std::span<const uint64_t> points,
                                            std::span<const ShamirShare<N>> shares) {
  MR_CHECK(threshold >= 1);
  const auto needed = static_cast<size_t>(threshold);
  if (points.size() < needed || shares.size() < needed) {
    return absl::InvalidArgumentError(absl::StrCat(shares.size(), " shares at ", points.size(),
                                                   " points, of which ", needed, " are needed"));
  }
  MR_ASSIGN_OR_RETURN(const auto lagrange, LagrangeAtZero<Field61>::Create(points.first(needed)));
  return ReconstructSecret<N>(lagrange, shares.first(needed));
}

#define MR_INSTANTIATE_SHAMIR(N)                                                               \
  template std::vector<ShamirShare<N>> SplitSecret<N>(                                         \
      const Secret<N>&, int64_t, std::span<const uint64_t>, const std::function<uint64_t()>&); \
  template absl::StatusOr<Secret<N>> ReconstructSecret<N>(const LagrangeAtZero<Field61>&,      \
                                                          std::span<const ShamirShare<N>>);    \
  template absl::StatusOr<Secret<N>> ReconstructSecret<N>(int64_t, std::span<const uint64_t>,  \
                                                          std::span<const ShamirShare<N>>);

MR_INSTANTIATE_SHAMIR(16)
MR_INSTANTIATE_SHAMIR(32)
#undef MR_INSTANTIATE_SHAMIR

}  // namespace millrace
