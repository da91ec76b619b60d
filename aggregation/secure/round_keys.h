// SPDX-License-Identifier: Apache-2.0
// Every key of a secure round, derived with HKDF-SHA256 from what its holders agreed on and from
// the cohort's digest (transcript.h), which binds it to federation, round, model, plan and to the
// public keys of all members.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aggregation/secure/mask_stream.h"
#include "aggregation/secure/shamir.h"
#include "base/crypto/aead.h"
#include "base/crypto/digest.h"
#include "base/crypto/key_agreement.h"
#include "base/secret.h"

namespace millrace {

/// The seed of a site's own mask.
using MaskSeed = Secret<16>;

/// A public key that travelled. INVALID_ARGUMENT for another length.
absl::StatusOr<AgreementPublicKey> ReadPublicKey(absl::string_view bytes);

/// The mask that `own` shares with `peer_key`; both sides and, after a drop-out, the coordinator
/// derive the same. Indices are places in the cohort. INVALID_ARGUMENT for a key that agrees with
/// nobody (RFC 7748, section 6.1).
absl::StatusOr<MaskKey> PairMaskKey(const Digest& cohort, const AgreementKey& own,
                                    const AgreementPublicKey& peer, int32_t own_index,
                                    int32_t peer_index);

MaskKey OwnMaskKey(const Digest& cohort, const MaskSeed& seed, int32_t index);

/// What a site says of its seed before it shares it, so that a wrong share shows.
std::string SeedCommitment(const Digest& cohort, const MaskSeed& seed, int32_t index);

/// A holder's shares of one site's two secrets: 40 bytes of the mask key's, then 24 of the seed's,
/// limbs of 8 bytes, little-endian.
using ShareBundle = Secret<64>;
inline constexpr size_t kMaskKeyShareBytes = 8 * ShamirLimbs(32);
inline constexpr size_t kSeedShareBytes = 8 * ShamirLimbs(16);
inline constexpr size_t kSealedShareBytes = kMaskKeyShareBytes + kSeedShareBytes + kAeadTagBytes;

ShareBundle Bundle(const ShamirShare<32>& mask_key, const ShamirShare<16>& seed);
absl::string_view MaskKeyShare(const ShareBundle& bundle);
absl::string_view SeedShare(const ShareBundle& bundle);
/// INVALID_ARGUMENT for a wrong length.
absl::StatusOr<ShamirShare<32>> ReadMaskKeyShare(absl::string_view bytes);
absl::StatusOr<ShamirShare<16>> ReadSeedShare(absl::string_view bytes);

/// Seals `bundle` of site `from` for site `to`. The key serves this one message.
absl::StatusOr<std::string> SealShares(const Digest& cohort, const AgreementKey& own,
                                       const AgreementPublicKey& peer, int32_t from, int32_t to,
                                       const ShareBundle& bundle);
/// The inverse. DATA_LOSS for bytes that were not sealed by `from` for `to` in this cohort.
absl::StatusOr<ShareBundle> OpenShares(const Digest& cohort, const AgreementKey& own,
                                       const AgreementPublicKey& peer, int32_t from, int32_t to,
                                       absl::string_view sealed);

}  // namespace millrace
