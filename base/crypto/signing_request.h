// SPDX-License-Identifier: Apache-2.0
// How a key gets its certificate without leaving the machine where it was made: PKCS #10 requests,
// DER. Whom a certificate is for is the authority's to say, so that a request names nobody.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/crypto/certificate.h"
#include "base/crypto/digest.h"

namespace millrace {

/// A new P-256 key, PKCS #8 in PEM, not encrypted. A secret.
absl::StatusOr<std::string> NewPrivateKey();

/// SHA-256 of the public half (its SubjectPublicKeyInfo in DER): the name of a key everywhere.
/// INVALID_ARGUMENT unless `key_pem` is a private key.
absl::StatusOr<Digest> KeyFingerprint(absl::string_view key_pem);

/// A request for a certificate of this key, which signs it.
absl::StatusOr<std::string> MakeSigningRequest(absl::string_view key_pem);

/// The fingerprint of the key that a request is for. INVALID_ARGUMENT unless `der` is one request
/// of at most 4 KiB, for a key on P-256, signed by that key.
absl::StatusOr<Digest> VerifySigningRequest(absl::string_view der);

/// The certificate for a request's key, PEM. The same refusals as VerifySigningRequest and
/// IssueCertificate.
absl::StatusOr<std::string> CertifySigningRequest(const KeyAndCertificate& authority,
                                                  absl::string_view request_der,
                                                  const CertificateRequest& request);

/// "SHA256:" and 64 hexadecimal digits, as both sides show a key to their people.
std::string KeyName(const Digest& key_fingerprint);

}  // namespace millrace
