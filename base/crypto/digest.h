// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct evp_md_ctx_st;

namespace millrace {

/// A SHA-256 value: the name of every blob, layout and package.
struct Digest {
  std::array<uint8_t, 32> bytes{};

  /// 64 lower-case hexadecimal digits.
  std::string Hex() const;
  /// INVALID_ARGUMENT unless `hex` is 64 hexadecimal digits.
  static absl::StatusOr<Digest> FromHex(absl::string_view hex);

  /// The 32 bytes, as they stand in messages.
  std::string ToBytes() const { return {bytes.begin(), bytes.end()}; }
  /// INVALID_ARGUMENT unless `raw` has 32 bytes.
  static absl::StatusOr<Digest> FromBytes(absl::string_view raw);

  auto operator<=>(const Digest&) const = default;
};

/// SHA-256 over a stream of bytes. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(std::span<const char> data);
  /// Call once; the object is spent afterwards.
  Digest Finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

Digest Sha256Of(absl::string_view data);

}  // namespace millrace
