// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/hkdf.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/check.h"
#include "base/crypto/openssl_ptr.h"

namespace millrace {
namespace {

using crypto_internal::Free;

// OSSL_PARAM has no const, though HKDF only reads.
OSSL_PARAM Octets(const char* name, const void* data, size_t size) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<void*>(data), size);
}

}  // namespace

void HkdfSha256(std::span<const uint8_t> key, std::span<const uint8_t> salt, absl::string_view info,
                std::span<uint8_t> out) {
  const std::unique_ptr<EVP_KDF, Free<EVP_KDF_free>> hkdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  MR_CHECK(hkdf != nullptr);
  const std::unique_ptr<EVP_KDF_CTX, Free<EVP_KDF_CTX_free>> context(EVP_KDF_CTX_new(hkdf.get()));
  MR_CHECK(context != nullptr);
  // OpenSSL refuses a null pointer, and what an empty salt stands for is in the RFC.
  constexpr uint8_t kNoSalt[32] = {};
  if (salt.empty()) salt = kNoSalt;
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      Octets(OSSL_KDF_PARAM_KEY, key.data(), key.size()),
      Octets(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
      Octets(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end(),
  };
  MR_CHECK(EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) == 1);
}

}  // namespace millrace
