// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/check.h"

namespace millrace {
namespace secret_internal {

inline constexpr size_t kSlotBytes = 64;

/// kSlotBytes zeros in a page for secrets. Thread-safe, as is giving them back.
uint8_t* TakeSlot();
struct WipeAndReturnSlot {
  void operator()(uint8_t* slot) const;
};

void FillRandom(std::span<uint8_t> bytes);

}  // namespace secret_internal

/// N bytes of key material, N <= 64. They stand in one place, which a move hands over, and are
/// wiped when their owner ends. Their pages are left out of core dumps and locked against swapping.
/// Where RLIMIT_MEMLOCK has no room (64 secrets take 4 KiB) they are not locked: a site takes part
/// rather than stay away, and who reads its swap space reads its training data as well.
template <size_t N>
class Secret {
 public:
  /// Zeros, to be filled in.
  Secret() : slot_(secret_internal::TakeSlot()) {}
  /// A copy; wiping the original is left to the caller.
  explicit Secret(std::span<const uint8_t, N> bytes) : Secret() {
    std::copy(bytes.begin(), bytes.end(), slot_.get());
  }
  /// From OpenSSL's generator for private values.
  static Secret Random() {
    Secret secret;
    secret_internal::FillRandom(secret.mutable_bytes());
    return secret;
  }
  Secret Clone() const { return Secret(bytes()); }

  /// Of a secret that was moved from, these end the process.
  std::span<const uint8_t, N> bytes() const { return std::span<const uint8_t, N>(place(), N); }
  std::span<uint8_t, N> mutable_bytes() { return std::span<uint8_t, N>(place(), N); }

 private:
  static_assert(0 < N && N <= secret_internal::kSlotBytes);

  uint8_t* place() const {
    MR_CHECK(slot_ != nullptr);
    return slot_.get();
  }

  std::unique_ptr<uint8_t, secret_internal::WipeAndReturnSlot> slot_;
};

}  // namespace millrace
