// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/signature.h"

#include <openssl/err.h>

#include "base/check.h"
#include "base/crypto/certificate_openssl.h"
#include "base/crypto/openssl_ptr.h"
#include "base/status.h"

namespace millrace {
namespace {

using certificate_internal::ReadCertificatePemOrDer;
using certificate_internal::ReadPrivateKey;
using certificate_internal::X509Ptr;
using crypto_internal::Free;
using crypto_internal::IsP256;
using crypto_internal::KeyPtr;
using signature_internal::Key;

using ContextPtr = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;

bool IsEd25519(const EVP_PKEY* key) { return EVP_PKEY_is_a(key, "ED25519") == 1; }

absl::StatusOr<Key> OfAKindWeUse(KeyPtr key) {
  const bool used = key != nullptr && (IsEd25519(key.get()) || IsP256(key.get()));
  ERR_clear_error();
  if (used) return Key(key.release());
  return absl::InvalidArgumentError("the key is neither on P-256 nor of Ed25519");
}

Key Ed25519Key(const Secret<32>& seed) {
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.bytes().data(),
                                       seed.bytes().size()));
  MR_CHECK(key != nullptr);
  return key;
}

// Ed25519 brings its own, SHA-512.
const EVP_MD* HashFor(const EVP_PKEY* key) { return IsEd25519(key) ? nullptr : EVP_sha256(); }

const uint8_t* Data(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

}  // namespace

void signature_internal::FreeKey::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

absl::StatusOr<SigningKey> SigningKey::FromPem(absl::string_view key_pem) {
  MR_ASSIGN_OR_RETURN(KeyPtr read, ReadPrivateKey(key_pem));
  MR_ASSIGN_OR_RETURN(Key key, OfAKindWeUse(std::move(read)));
  return SigningKey(std::move(key));
}

SigningKey SigningKey::FromEd25519Seed(const Secret<32>& seed) {
  return SigningKey(Ed25519Key(seed));
}

std::string SigningKey::Sign(absl::string_view message) const {
  const ContextPtr context(EVP_MD_CTX_new());
  MR_CHECK(context != nullptr);
  MR_CHECK(EVP_DigestSignInit(context.get(), nullptr, HashFor(key_.get()), nullptr, key_.get()) ==
           1);
  size_t size = static_cast<size_t>(EVP_PKEY_get_size(key_.get()));  // the most it can be
  std::string signature(size, '\0');
  MR_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<uint8_t*>(signature.data()), &size,
                          Data(message), message.size()) == 1);
  signature.resize(size);
  return signature;
}

Ed25519PublicKey Ed25519PublicKeyOf(const Secret<32>& seed) {
  Ed25519PublicKey public_key;
  size_t size = public_key.size();
  MR_CHECK(EVP_PKEY_get_raw_public_key(Ed25519Key(seed).get(), public_key.data(), &size) == 1);
  return public_key;
}

absl::StatusOr<VerifyingKey> VerifyingKey::FromCertificate(absl::string_view pem_or_der) {
  MR_ASSIGN_OR_RETURN(const X509Ptr certificate, ReadCertificatePemOrDer(pem_or_der));
  MR_ASSIGN_OR_RETURN(Key key, OfAKindWeUse(KeyPtr(X509_get_pubkey(certificate.get()))));
  return VerifyingKey(std::move(key));
}

VerifyingKey VerifyingKey::FromEd25519(std::span<const uint8_t, 32> public_key) {
  Key key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, public_key.data(), public_key.size()));
  MR_CHECK(key != nullptr);
  return VerifyingKey(std::move(key));
}

bool VerifyingKey::Verify(absl::string_view message, absl::string_view signature) const {
  const ContextPtr context(EVP_MD_CTX_new());
  MR_CHECK(context != nullptr);
  MR_CHECK(EVP_DigestVerifyInit(context.get(), nullptr, HashFor(key_.get()), nullptr, key_.get()) ==
           1);
  const int verified = EVP_DigestVerify(context.get(), Data(signature), signature.size(),
                                        Data(message), message.size());
  ERR_clear_error();
  return verified == 1;
}

}  // namespace millrace
