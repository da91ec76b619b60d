// SPDX-License-Identifier: Apache-2.0
// For the .cc files of this folder alone: certificates and keys as OpenSSL's objects, PEM and DER
// in and out.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/crypto/certificate.h"
#include "base/crypto/openssl_ptr.h"

namespace millrace::certificate_internal {

using crypto_internal::Free;
using crypto_internal::IsP256;
using crypto_internal::KeyPtr;
using BioPtr = std::unique_ptr<BIO, Free<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, Free<X509_free>>;

/// INTERNAL, with OpenSSL's own last reason; empties the thread's error queue, which gRPC's TLS
/// would otherwise take for its own.
absl::Status OpenSslError(absl::string_view what);

/// INVALID_ARGUMENT unless `pem` holds one; never asks for a passphrase.
absl::StatusOr<X509Ptr> ReadCertificate(absl::string_view pem);
/// Every certificate in `pem`, in order: INVALID_ARGUMENT unless there are 1 to 8.
absl::StatusOr<std::vector<X509Ptr>> ReadCertificates(absl::string_view pem);
absl::StatusOr<KeyPtr> ReadPrivateKey(absl::string_view pem);
/// INVALID_ARGUMENT unless `der` is one and nothing else, encoded in the one way that DER allows.
absl::StatusOr<X509Ptr> ReadCertificateDer(absl::string_view der);
/// The first byte tells: that of DER is '0'.
absl::StatusOr<X509Ptr> ReadCertificatePemOrDer(absl::string_view pem_or_der);

absl::StatusOr<std::string> WriteCertificate(X509* certificate);
absl::StatusOr<std::string> WriteCertificateDer(X509* certificate);
absl::StatusOr<std::string> WritePrivateKey(EVP_PKEY* key);

absl::StatusOr<absl::Time> ReadTime(const ASN1_TIME* time);

/// The subject's, escaped for a message; "(no name)" if there is none.
std::string CommonName(X509_NAME* name);

struct FederationIdentity {
  std::string federation;
  Identity identity;
};
absl::StatusOr<FederationIdentity> ParseFederationUri(absl::string_view uri);
/// From the certificate's only millrace:// URI.
absl::StatusOr<FederationIdentity> ReadIdentity(X509* certificate);
absl::StatusOr<CertificateInfo> ReadInfo(X509* certificate);

/// SHA-256 of the SubjectPublicKeyInfo.
absl::StatusOr<Digest> PublicKeyDigest(EVP_PKEY* key);

/// A certificate of `key`, signed by the authority: what IssueCertificate makes for a new one.
absl::StatusOr<X509Ptr> CertifyKey(const KeyAndCertificate& authority,
                                   const CertificateRequest& request, EVP_PKEY* key);

}  // namespace millrace::certificate_internal
