// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/key_agreement.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/crypto/openssl_ptr.h"

namespace millrace {
namespace {

using crypto_internal::Free;
using crypto_internal::KeyPtr;

// OSSL_PARAM has no const, though importing only reads.
OSSL_PARAM Octets(const char* name, std::span<const uint8_t> bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<uint8_t*>(bytes.data()), bytes.size());
}

// Made for each use, so that the secret stays only a moment outside its locked page. With its
// public key, which OpenSSL would otherwise compute again: as much work as the agreement itself.
KeyPtr OpenSslKey(const Secret<32>& secret, const AgreementPublicKey& public_key) {
  const std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_id(EVP_PKEY_X25519, nullptr));
  MR_CHECK(context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1);
  OSSL_PARAM parameters[] = {Octets(OSSL_PKEY_PARAM_PRIV_KEY, secret.bytes()),
                             Octets(OSSL_PKEY_PARAM_PUB_KEY, public_key),
                             OSSL_PARAM_construct_end()};
  EVP_PKEY* key = nullptr;
  MR_CHECK(EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parameters) == 1);
  return KeyPtr(key);
}

}  // namespace

AgreementKey AgreementKey::FromSecret(Secret<32> secret) {
  const KeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.bytes().data(),
                                                secret.bytes().size()));
  MR_CHECK(key != nullptr);
  AgreementPublicKey public_key;
  size_t size = public_key.size();
  MR_CHECK(EVP_PKEY_get_raw_public_key(key.get(), public_key.data(), &size) == 1);
  return AgreementKey(std::move(secret), public_key);
}

absl::StatusOr<Secret<32>> AgreementKey::Agree(std::span<const uint8_t, 32> peer_public) const {
  const KeyPtr own = OpenSslKey(secret_, public_key_);
  const KeyPtr peer(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer_public.data(),
                                                peer_public.size()));
  const std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new(own.get(), nullptr));
  MR_CHECK(peer != nullptr && context != nullptr);
  MR_CHECK(EVP_PKEY_derive_init(context.get()) == 1);
  MR_CHECK(EVP_PKEY_derive_set_peer(context.get(), peer.get()) == 1);
  Secret<32> shared;
  size_t size = shared.bytes().size();
  if (EVP_PKEY_derive(context.get(), shared.mutable_bytes().data(), &size) == 1) return shared;
  ERR_clear_error();
  const absl::string_view shown(reinterpret_cast<const char*>(peer_public.data()),
                                peer_public.size());
  return absl::InvalidArgumentError(
      absl::StrCat("X25519 public key ", absl::BytesToHexString(shown),
                   ": is of low order, every agreement with it gives zero"));
}

}  // namespace millrace
