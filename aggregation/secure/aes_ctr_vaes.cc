// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/aes_ctr.h"

#if !defined(__x86_64__)

namespace millrace {

bool HasVaes() { return false; }

std::unique_ptr<Keystream> NewVaesKeystream(std::span<const uint8_t, 16>, CounterBlock, int64_t) {
  return nullptr;
}

}  // namespace millrace

#else

#include <cpuid.h>
#include <immintrin.h>
#include <openssl/crypto.h>

#include <algorithm>

// On each function rather than on the file, whose inline functions from headers must run anywhere.
#define MR_VAES __attribute__((target("aes,vaes,avx512f,avx512bw")))

namespace millrace {
namespace {

constexpr int kRounds = 10;
struct alignas(64) KeySchedule {
  __m128i round_keys[kRounds + 1];
};

// 512-bit registers in flight, enough to hide the latency of a round; with the round keys they fit
// the 32 that there are.
constexpr size_t kRegisters = 8;
constexpr size_t kRegister = 16;                   // elements: four cipher blocks
constexpr size_t kBatch = kRegisters * kRegister;  // elements

// One step of the key expansion (FIPS 197 section 5.2), four words at once.
template <int round_constant>
MR_VAES __m128i NextRoundKey(__m128i key) {
  const __m128i word = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(key, round_constant), 0xff);
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
  return _mm_xor_si128(key, word);
}

MR_VAES void ExpandKey(std::span<const uint8_t, 16> key, KeySchedule& schedule) {
  __m128i* const k = schedule.round_keys;
  k[0] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(key.data()));
  k[1] = NextRoundKey<0x01>(k[0]);
  k[2] = NextRoundKey<0x02>(k[1]);
  k[3] = NextRoundKey<0x04>(k[2]);
  k[4] = NextRoundKey<0x08>(k[3]);
  k[5] = NextRoundKey<0x10>(k[4]);
  k[6] = NextRoundKey<0x20>(k[5]);
  k[7] = NextRoundKey<0x40>(k[6]);
  k[8] = NextRoundKey<0x80>(k[7]);
  k[9] = NextRoundKey<0x1b>(k[8]);
  k[10] = NextRoundKey<0x36>(k[9]);
}

// The masked form, because GCC 12 warns of its own header in the plain one (bug 105593).
MR_VAES __m512i FourTimes(__m128i x) { return _mm512_maskz_broadcast_i32x4(0xffff, x); }

// Adds the keystream that begins with the encryption of `counter` to `batches` whole batches.
template <bool subtract>
MR_VAES void AddBatches(const KeySchedule& schedule, CounterBlock counter, uint32_t* values,
                        size_t batches) {
  __m512i key[kRounds + 1];
  for (int round = 0; round <= kRounds; ++round) {
    key[round] = FourTimes(schedule.round_keys[round]);
  }
  const __m512i to_big_endian =
      FourTimes(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  const __m512i four_blocks = _mm512_set_epi64(0, 4, 0, 4, 0, 4, 0, 4);
  __m512i next = _mm512_add_epi64(FourTimes(_mm_set_epi64x(counter.high, counter.low)),
                                  _mm512_set_epi64(0, 3, 0, 2, 0, 1, 0, 0));
  for (; batches > 0; --batches, values += kBatch) {
    __m512i state[kRegisters];
#pragma GCC unroll 16
    for (__m512i& s : state) {
      s = _mm512_xor_si512(_mm512_shuffle_epi8(next, to_big_endian), key[0]);
      next = _mm512_add_epi64(next, four_blocks);
    }
#pragma GCC unroll 16
    for (int round = 1; round < kRounds; ++round) {
#pragma GCC unroll 16
      for (__m512i& s : state) s = _mm512_aesenc_epi128(s, key[round]);
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < kRegisters; ++i) {
      const __m512i keystream = _mm512_aesenclast_epi128(state[i], key[kRounds]);
      uint32_t* const target = values + i * kRegister;
      const __m512i value = _mm512_loadu_si512(target);
      _mm512_storeu_si512(target, subtract ? _mm512_sub_epi32(value, keystream)
                                           : _mm512_add_epi32(value, keystream));
    }
  }
}

class VaesKeystream final : public Keystream {
 public:
  VaesKeystream(std::span<const uint8_t, 16> key, CounterBlock start, int64_t offset)
      : start_(start), place_(offset) {
    ExpandKey(key, schedule_);
  }
  ~VaesKeystream() override { OPENSSL_cleanse(&schedule_, sizeof schedule_); }

  void AddNext(std::span<uint32_t> values, bool subtract) override {
    const size_t head = std::min<size_t>((4 - place_ % 4) % 4, values.size());
    AddFew(values.first(head), subtract);
    const size_t batches = (values.size() - head) / kBatch;
    (subtract ? AddBatches<true> : AddBatches<false>)(schedule_, Counter(), values.data() + head,
                                                      batches);
    place_ += static_cast<int64_t>(batches * kBatch);
    AddFew(values.subspan(head + batches * kBatch), subtract);
  }

 private:
  CounterBlock Counter() const { return {start_.high, start_.low + place_ / 4}; }

  // Elements of one batch that begins with the cipher block of this place.
  void AddFew(std::span<uint32_t> values, bool subtract) {
    if (values.empty()) return;
    alignas(64) uint32_t keystream[kBatch] = {};
    AddBatches<false>(schedule_, Counter(), keystream, 1);
    const uint32_t* const x = keystream + place_ % 4;
    for (size_t i = 0; i < values.size(); ++i) values[i] += subtract ? -x[i] : x[i];
    OPENSSL_cleanse(keystream, sizeof keystream);
    place_ += static_cast<int64_t>(values.size());
  }

  KeySchedule schedule_;
  const CounterBlock start_;
  int64_t place_;  // elements
};

}  // namespace

bool HasVaes() {
  // The builtin knows what the operating system saves and restores, but not every compiler's knows
  // about vector AES.
  unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __builtin_cpu_supports("aes") && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) &&
         (ecx & bit_VAES) != 0;
}

std::unique_ptr<Keystream> NewVaesKeystream(std::span<const uint8_t, 16> key, CounterBlock start,
                                            int64_t offset) {
  return std::make_unique<VaesKeystream>(key, start, offset);
}

}  // namespace millrace

#endif
