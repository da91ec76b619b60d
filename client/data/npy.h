// SPDX-License-Identifier: Apache-2.0
// NumPy's array files, versions 1.0 and 2.0 of the format (NumPy enhancement proposal 1).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace millrace {

struct NpyArray {
  std::vector<int64_t> shape;  // one or two dimensions
  std::vector<float> values;   // row-major
};

/// Parses a whole file of little-endian float32, float64, int16 or int32 numbers in C order.
/// INVALID_ARGUMENT for anything else, naming what was found: another magic, version, type, order
/// or number of dimensions, a damaged header, fewer or more bytes than the shape says. A float64
/// beyond the range of float becomes an infinity.
absl::StatusOr<NpyArray> ParseNpy(absl::string_view bytes);

/// A version 1.0 file of float32 numbers; `values` has as many as `shape` says.
std::string NpyBytes(std::span<const int64_t> shape, std::span<const float> values);

}  // namespace millrace
