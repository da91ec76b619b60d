// SPDX-License-Identifier: Apache-2.0
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <bit>

#include "aggregation/secure/aes_ctr.h"
#include "aggregation/vector_targets.h"
#include "base/check.h"

namespace millrace {
namespace {

static_assert(std::endian::native == std::endian::little, "the keystream is not swapped");

// Elements per call of the cipher: enough to hide the call, few enough to stay in the L1 cache.
constexpr size_t kPiece = 1024;

// What is encrypted: CTR turns zeroes into the keystream.
alignas(64) constexpr uint8_t kZeroes[kPiece * sizeof(uint32_t)] = {};

MR_VECTOR_TARGETS void AddLoop(uint32_t* __restrict values, const uint32_t* __restrict x,
                               size_t n) {
  for (size_t i = 0; i < n; ++i) values[i] += x[i];
}

MR_VECTOR_TARGETS void SubtractLoop(uint32_t* __restrict values, const uint32_t* __restrict x,
                                    size_t n) {
  for (size_t i = 0; i < n; ++i) values[i] -= x[i];
}

class EvpKeystream final : public Keystream {
 public:
  EvpKeystream(std::span<const uint8_t, 16> key, CounterBlock counter, int64_t offset)
      : context_(EVP_CIPHER_CTX_new()) {
    MR_CHECK(context_ != nullptr);
    counter.low += offset / 4;
    uint8_t block[16];
    for (int i = 0; i < 8; ++i) {
      block[i] = static_cast<uint8_t>(counter.high >> (56 - 8 * i));
      block[8 + i] = static_cast<uint8_t>(counter.low >> (56 - 8 * i));
    }
    MR_CHECK(EVP_EncryptInit_ex2(context_.get(), EVP_aes_128_ctr(), key.data(), block, nullptr) ==
             1);
    uint32_t skipped[4] = {};
    AddNext(std::span(skipped).first(offset % 4), /*subtract=*/false);
    OPENSSL_cleanse(skipped, sizeof skipped);
  }

  void AddNext(std::span<uint32_t> values, bool subtract) override {
    alignas(64) uint32_t keystream[kPiece];
    while (!values.empty()) {
      const std::span<uint32_t> piece = values.first(std::min(kPiece, values.size()));
      int bytes = 0;
      MR_CHECK(EVP_EncryptUpdate(context_.get(), reinterpret_cast<uint8_t*>(keystream), &bytes,
                                 kZeroes, static_cast<int>(piece.size_bytes())) == 1);
      (subtract ? SubtractLoop : AddLoop)(piece.data(), keystream, piece.size());
      values = values.subspan(piece.size());
    }
    OPENSSL_cleanse(keystream, sizeof keystream);
  }

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  std::unique_ptr<EVP_CIPHER_CTX, Free> context_;  // wipes the key schedule when it is freed
};

}  // namespace

std::unique_ptr<Keystream> NewEvpKeystream(std::span<const uint8_t, 16> key, CounterBlock start,
                                           int64_t offset) {
  return std::make_unique<EvpKeystream>(key, start, offset);
}

}  // namespace millrace
