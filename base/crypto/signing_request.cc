// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/signing_request.h"

#include <openssl/ec.h>
#include <openssl/err.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crypto/certificate_openssl.h"
#include "base/status.h"

namespace millrace {
namespace {

using namespace certificate_internal;  // NOLINT: its only users are the files of certificates

using RequestPtr = std::unique_ptr<X509_REQ, Free<X509_REQ_free>>;

constexpr size_t kMaxRequestBytes = size_t{4} << 10;

/// A request whose signature is its key's, and that key.
struct Verified {
  RequestPtr request;
  EVP_PKEY* key = nullptr;  // of `request`
};

absl::StatusOr<std::string> WriteRequest(X509_REQ* request) {
  unsigned char* data = nullptr;
  const int size = i2d_X509_REQ(request, &data);
  if (size <= 0) return OpenSslError("write signing request");
  std::string der(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  OPENSSL_free(data);
  return der;
}

absl::StatusOr<Verified> Verify(absl::string_view der) {
  Verified verified;
  if (der.size() <= kMaxRequestBytes) {
    auto* data = reinterpret_cast<const unsigned char*>(der.data());
    verified.request.reset(d2i_X509_REQ(nullptr, &data, static_cast<long>(der.size())));
  }
  if (verified.request != nullptr) {
    // OpenSSL also takes other encodings, and bytes behind.
    const absl::StatusOr<std::string> written = WriteRequest(verified.request.get());
    if (!written.ok() || *written != der) verified.request.reset();
  }
  if (verified.request != nullptr) verified.key = X509_REQ_get0_pubkey(verified.request.get());
  const bool is_p256 = verified.key != nullptr && IsP256(verified.key);
  const bool is_signed = is_p256 && X509_REQ_verify(verified.request.get(), verified.key) == 1;
  ERR_clear_error();
  if (is_signed) return verified;
  return absl::InvalidArgumentError(
      absl::StrCat("signing request: ", der.size(), " bytes that are not one in DER (PKCS #10)",
                   is_p256 ? " signed by its own key" : " for a key on P-256"));
}

}  // namespace

absl::StatusOr<std::string> NewPrivateKey() {
  const KeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return OpenSslError("make a P-256 key");
  return WritePrivateKey(key.get());
}

absl::StatusOr<Digest> KeyFingerprint(absl::string_view key_pem) {
  MR_ASSIGN_OR_RETURN(const KeyPtr key, ReadPrivateKey(key_pem));
  return PublicKeyDigest(key.get());
}

absl::StatusOr<std::string> MakeSigningRequest(absl::string_view key_pem) {
  MR_ASSIGN_OR_RETURN(const KeyPtr key, ReadPrivateKey(key_pem));
  const RequestPtr request(X509_REQ_new());
  if (request == nullptr || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0) {
    return OpenSslError("make signing request");
  }
  return WriteRequest(request.get());
}

absl::StatusOr<Digest> VerifySigningRequest(absl::string_view der) {
  MR_ASSIGN_OR_RETURN(const Verified verified, Verify(der));
  return PublicKeyDigest(verified.key);
}

absl::StatusOr<std::string> CertifySigningRequest(const KeyAndCertificate& authority,
                                                  absl::string_view request_der,
                                                  const CertificateRequest& request) {
  MR_ASSIGN_OR_RETURN(const Verified verified, Verify(request_der));
  MR_ASSIGN_OR_RETURN(const X509Ptr certificate, CertifyKey(authority, request, verified.key));
  return WriteCertificate(certificate.get());
}

std::string KeyName(const Digest& key_fingerprint) {
  return absl::StrCat("SHA256:", key_fingerprint.Hex());
}

}  // namespace millrace
