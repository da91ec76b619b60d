// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/aead.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/crypto/openssl_ptr.h"

namespace millrace {
namespace {

using CipherPtr = std::unique_ptr<EVP_CIPHER_CTX, crypto_internal::Free<EVP_CIPHER_CTX_free>>;

enum class Direction { kOpen = 0, kSeal = 1 };  // as EVP_CipherInit_ex numbers them

CipherPtr Begin(Direction direction, const Secret<32>& key, std::span<const uint8_t, 12> nonce,
                absl::string_view associated_data, size_t plain_bytes) {
  MR_CHECK(plain_bytes <= kMaxAeadBytes && associated_data.size() <= kMaxAeadBytes);
  CipherPtr context(EVP_CIPHER_CTX_new());
  MR_CHECK(context != nullptr);
  MR_CHECK(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.bytes().data(),
                             nonce.data(), static_cast<int>(direction)) == 1);
  int length = 0;
  MR_CHECK(EVP_CipherUpdate(context.get(), nullptr, &length,
                            reinterpret_cast<const uint8_t*>(associated_data.data()),
                            static_cast<int>(associated_data.size())) == 1);
  return context;
}

}  // namespace

std::string Seal(const Secret<32>& key, std::span<const uint8_t, 12> nonce,
                 absl::string_view associated_data, std::span<const uint8_t> plain) {
  const CipherPtr context = Begin(Direction::kSeal, key, nonce, associated_data, plain.size());
  std::string sealed(plain.size() + kAeadTagBytes, '\0');
  auto* const ciphertext = reinterpret_cast<uint8_t*>(sealed.data());
  uint8_t* const tag = ciphertext + plain.size();
  int length = 0;
  MR_CHECK(EVP_CipherUpdate(context.get(), ciphertext, &length, plain.data(),
                            static_cast<int>(plain.size())) == 1);
  MR_CHECK(EVP_CipherFinal_ex(context.get(), tag, &length) == 1);
  MR_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes, tag) == 1);
  return sealed;
}

absl::Status Open(const Secret<32>& key, std::span<const uint8_t, 12> nonce,
                  absl::string_view associated_data, absl::string_view sealed,
                  std::span<uint8_t> plain) {
  if (sealed.size() != plain.size() + kAeadTagBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sealed message of ", sealed.size(), " bytes, expected ", plain.size() + kAeadTagBytes));
  }
  const CipherPtr context = Begin(Direction::kOpen, key, nonce, associated_data, plain.size());
  const auto* const ciphertext = reinterpret_cast<const uint8_t*>(sealed.data());
  std::string tag(sealed.substr(plain.size()));
  int length = 0;
  if (EVP_CipherUpdate(context.get(), plain.data(), &length, ciphertext,
                       static_cast<int>(plain.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes, tag.data()) == 1 &&
      EVP_CipherFinal_ex(context.get(), nullptr, &length) == 1) {
    return absl::OkStatus();
  }
  ERR_clear_error();
  OPENSSL_cleanse(plain.data(), plain.size());
  return absl::DataLossError(
      "sealed message: its tag does not fit; it was changed or sealed for another purpose");
}

}  // namespace millrace
