// SPDX-License-Identifier: Apache-2.0
#include "aggregation/layout.h"

#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace millrace {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 40;

// The canonical text separates by spaces and line ends: a name that holds one of them could give
// two different layouts the same text, and so the same digest.
bool IsPlain(absl::string_view name) {
  for (const char c : name) {
    if (!absl::ascii_isgraph(c)) return false;
  }
  return !name.empty();
}

}  // namespace

int64_t TensorSpec::Elements() const {
  int64_t elements = 1;
  for (const int64_t dimension : shape) {
    if (__builtin_mul_overflow(elements, dimension, &elements)) {
      return std::numeric_limits<int64_t>::max();
    }
  }
  return elements;
}

absl::StatusOr<Layout> Layout::Create(std::vector<TensorSpec> tensors) {
  Layout layout;
  absl::flat_hash_set<absl::string_view> names;
  Sha256 hasher;
  for (const TensorSpec& tensor : tensors) {
    const std::string quoted = absl::StrCat("layout: tensor \"", absl::CEscape(tensor.name), "\"");
    if (!IsPlain(tensor.name)) {
      return absl::InvalidArgumentError(
          absl::StrCat(quoted, ": a name is one or more printable ASCII characters, no spaces"));
    }
    if (!names.insert(tensor.name).second) {
      return absl::InvalidArgumentError(absl::StrCat(quoted, ": the name occurs twice"));
    }
    for (const int64_t dimension : tensor.shape) {
      if (dimension < 1) {
        return absl::InvalidArgumentError(absl::StrCat(
            quoted, ": shape [", absl::StrJoin(tensor.shape, ", "), "] has a dimension below 1"));
      }
    }
    const int64_t elements = tensor.Elements();
    if (elements > kMaxElements - layout.size_) {
      return absl::InvalidArgumentError(
          absl::StrCat(quoted, ": the layout would exceed 2^40 elements with shape [",
                       absl::StrJoin(tensor.shape, ", "), "]"));
    }
    layout.offsets_.push_back(layout.size_);
    layout.size_ += elements;
    std::string line = tensor.name;
    for (const int64_t dimension : tensor.shape) absl::StrAppend(&line, " ", dimension);
    line.push_back('\n');
    hasher.Update(line);
  }
  layout.digest_ = hasher.Finish();
  layout.tensors_ = std::move(tensors);
  return layout;
}

}  // namespace millrace
