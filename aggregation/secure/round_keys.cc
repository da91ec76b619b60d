// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/round_keys.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "base/crypto/aead.h"
#include "base/crypto/hkdf.h"
#include "base/status.h"

namespace millrace {
namespace {

// A key seals one message, so that one nonce will do.
constexpr std::array<uint8_t, 12> kNonce{};

std::string Info(absl::string_view label, const Digest& cohort, int32_t first, int32_t second) {
  std::string info = absl::StrCat(label, " ", first, " ", second, " ");
  info.append(reinterpret_cast<const char*>(cohort.bytes.data()), cohort.bytes.size());
  return info;
}

absl::StatusOr<Secret<32>> SealKey(const Digest& cohort, const AgreementKey& own,
                                   const AgreementPublicKey& peer, int32_t from, int32_t to) {
  MR_ASSIGN_OR_RETURN(const Secret<32> agreed, own.Agree(peer));
  Secret<32> key;
  HkdfSha256(agreed.bytes(), {}, Info("millrace seal v1", cohort, from, to), key.mutable_bytes());
  return key;
}

void WriteLimbs(std::span<const uint64_t> limbs, uint8_t* out) {
  for (const uint64_t limb : limbs) {
    for (int shift = 0; shift < 64; shift += 8) *out++ = static_cast<uint8_t>(limb >> shift);
  }
}

template <size_t N>
absl::StatusOr<ShamirShare<N>> ReadShare(absl::string_view bytes) {
  ShamirShare<N> share;
  if (bytes.size() != 8 * share.values.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a share has ", bytes.size(), " bytes, expected ", 8 * share.values.size()));
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    share.values[i / 8] |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (i % 8 * 8);
  }
  return share;
}

}  // namespace

absl::StatusOr<AgreementPublicKey> ReadPublicKey(absl::string_view bytes) {
  AgreementPublicKey key;
  if (bytes.size() != key.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a public key has ", bytes.size(), " bytes, expected ", key.size()));
  }
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

absl::StatusOr<MaskKey> PairMaskKey(const Digest& cohort, const AgreementKey& own,
                                    const AgreementPublicKey& peer, int32_t own_index,
                                    int32_t peer_index) {
  MR_ASSIGN_OR_RETURN(const Secret<32> agreed, own.Agree(peer));
  MaskKey key;
  HkdfSha256(agreed.bytes(), {},
             Info("millrace mask v1", cohort, std::min(own_index, peer_index),
                  std::max(own_index, peer_index)),
             key.mutable_bytes());
  return key;
}

MaskKey OwnMaskKey(const Digest& cohort, const MaskSeed& seed, int32_t index) {
  MaskKey key;
  HkdfSha256(seed.bytes(), {}, Info("millrace own mask v1", cohort, index, index),
             key.mutable_bytes());
  return key;
}

std::string SeedCommitment(const Digest& cohort, const MaskSeed& seed, int32_t index) {
  std::string commitment(32, '\0');
  HkdfSha256(seed.bytes(), {}, Info("millrace seed commitment v1", cohort, index, index),
             {reinterpret_cast<uint8_t*>(commitment.data()), commitment.size()});
  return commitment;
}

ShareBundle Bundle(const ShamirShare<32>& mask_key, const ShamirShare<16>& seed) {
  ShareBundle bundle;
  WriteLimbs(mask_key.values, bundle.mutable_bytes().data());
  WriteLimbs(seed.values, bundle.mutable_bytes().data() + kMaskKeyShareBytes);
  return bundle;
}

absl::string_view MaskKeyShare(const ShareBundle& bundle) {
  return {reinterpret_cast<const char*>(bundle.bytes().data()), kMaskKeyShareBytes};
}

absl::string_view SeedShare(const ShareBundle& bundle) {
  return {reinterpret_cast<const char*>(bundle.bytes().data()) + kMaskKeyShareBytes,
          kSeedShareBytes};
}

absl::StatusOr<ShamirShare<32>> ReadMaskKeyShare(absl::string_view bytes) {
  return ReadShare<32>(bytes);
}

absl::StatusOr<ShamirShare<16>> ReadSeedShare(absl::string_view bytes) {
  return ReadShare<16>(bytes);
}

absl::StatusOr<std::string> SealShares(const Digest& cohort, const AgreementKey& own,
                                       const AgreementPublicKey& peer, int32_t from, int32_t to,
                                       const ShareBundle& bundle) {
  MR_ASSIGN_OR_RETURN(const Secret<32> key, SealKey(cohort, own, peer, from, to));
  return Seal(key, kNonce, "", bundle.bytes());
}

absl::StatusOr<ShareBundle> OpenShares(const Digest& cohort, const AgreementKey& own,
                                       const AgreementPublicKey& peer, int32_t from, int32_t to,
                                       absl::string_view sealed) {
  MR_ASSIGN_OR_RETURN(const Secret<32> key, SealKey(cohort, own, peer, from, to));
  ShareBundle bundle;
  MR_RETURN_IF_ERROR(Open(key, kNonce, "", sealed, bundle.mutable_bytes()));
  return bundle;
}

}  // namespace millrace
