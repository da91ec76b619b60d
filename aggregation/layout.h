// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto/digest.h"

namespace millrace {

/// A named tensor inside a flat parameter vector.
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape;
  /// Product of the dimensions, 1 for a scalar; the largest int64 where it would overflow.
  int64_t Elements() const;
  bool operator==(const TensorSpec&) const = default;
};

/// How tensors lie in one flat float32 vector: one behind the other, row-major, in this order.
class Layout {
 public:
  Layout() = default;
  /// INVALID_ARGUMENT for a name that is empty, repeated or not printable ASCII without spaces, a
  /// dimension < 1, or more than 2^40 elements in all.
  static absl::StatusOr<Layout> Create(std::vector<TensorSpec> tensors);

  const std::vector<TensorSpec>& tensors() const { return tensors_; }
  /// Elements of the whole vector.
  int64_t size() const { return size_; }
  /// First element of tensor `i`.
  int64_t offset(size_t i) const { return offsets_[i]; }
  /// SHA-256 of the canonical text: a line "name d0 d1 ...\n" per tensor.
  const Digest& digest() const { return digest_; }

 private:
  std::vector<TensorSpec> tensors_;
  std::vector<int64_t> offsets_;
  int64_t size_ = 0;
  Digest digest_;
};

}  // namespace millrace
