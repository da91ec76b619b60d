// SPDX-License-Identifier: Apache-2.0
// What a new site is given by hand: 128 random bits and the fingerprint of the federation's
// authority, so that the site knows its coordinator at first contact as the coordinator knows it.
// Of the secret each party gets what it needs and no more:
//   the coordinator  RedeemKey, once, from the site; before that its SHA-256 only
//   the authority    ProofKey, with which it checks that the key it certifies is the invited site's
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/crypto/digest.h"
#include "base/secret.h"

namespace millrace {

struct EnrollmentToken {
  static constexpr size_t kSecretBytes = 16;

  Secret<kSecretBytes> secret;
  Digest authority;  // TrustDigest of the federation's authorities

  static EnrollmentToken New(const Digest& authority);
};

/// "millrace-" and 72 letters, digits, '-' and '_', the last six of which catch slips.
std::string ToText(const EnrollmentToken& token);
/// INVALID_ARGUMENT, without quoting it, unless `text` is a token without a slip.
absl::StatusOr<EnrollmentToken> ParseEnrollmentToken(absl::string_view text);

/// What a site shows to redeem its token.
Digest RedeemKey(const EnrollmentToken& token);
/// What the authority keeps of an invitation.
Digest ProofKey(const EnrollmentToken& token);
/// That whoever made the key with this fingerprint has the token. Compare in constant time.
Digest KeyProof(const Digest& proof_key, const Digest& key_fingerprint);

/// In constant time.
bool SameSecret(absl::string_view a, absl::string_view b);

}  // namespace millrace
