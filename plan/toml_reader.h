// SPDX-License-Identifier: Apache-2.0
// Reads TOML configuration strictly: every key is asked for by name and checked, and what nobody
// asked for is refused. Free of toml++'s headers; toml_reader.cc is the only file that has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// Larger texts are refused before they are parsed.
inline constexpr size_t kMaxTomlBytes = size_t{1} << 20;

/// Inclusive bounds of an integer.
struct IntRange {
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();
};

/// Bounds of a number, inclusive unless said otherwise.
struct DoubleRange {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool above_min = false;  // min itself is out
  bool below_max = false;  // max itself is out
};

/// An enumerator and how the file spells it.
template <typename E>
struct NamedValue {
  absl::string_view name;
  E value;
};

/// One table of a TOML document. Reading never fails on the spot: the document remembers its first
/// fault, and Finish reports it. A table the file does not have reads as an empty one.
///
/// The readers return true iff the key is there and its value is acceptable, and set `*out` only
/// then, so that an absent key keeps the default. Copies are handles to the same document. Not
/// thread-safe.
///
/// Refusals read `line 7: [cohort] minimum = 5: must be ...`; the caller puts the file's name in
/// front.
class TomlTable {
 public:
  /// The root table. INVALID_ARGUMENT, with line and column, for what is not TOML, more than
  /// kMaxTomlBytes, or a key of more than 16 dotted parts.
  static absl::StatusOr<TomlTable> Parse(absl::string_view text);

  bool Has(absl::string_view key) const;

  bool String(absl::string_view key, std::string* out);
  /// The same, and the empty string is refused.
  bool NonEmptyString(absl::string_view key, std::string* out);
  bool Int(absl::string_view key, IntRange range, int64_t* out);
  /// Accepts an integer for a number; NaN and infinities are refused.
  bool Double(absl::string_view key, DoubleRange range, double* out);
  bool Bool(absl::string_view key, bool* out);
  bool Strings(absl::string_view key, std::vector<std::string>* out);
  /// `range` holds for each entry.
  bool Ints(absl::string_view key, IntRange range, std::vector<int64_t>* out);

  template <typename E, size_t N>
  bool Enum(absl::string_view key, const NamedValue<E> (&values)[N], E* out) {
    std::vector<absl::string_view> names;
    for (const NamedValue<E>& value : values) names.push_back(value.name);
    size_t index = 0;
    if (!Choice(key, names, &index)) return false;
    *out = values[index].value;
    return true;
  }

  /// [key] below this table.
  TomlTable Table(absl::string_view key);
  /// [[key]] below this table, in the file's order; empty if there is none.
  std::vector<TomlTable> Tables(absl::string_view key);

  /// Refuses the document if `key` is missing; `why` says what it is for.
  void Require(absl::string_view key, absl::string_view why);
  /// Refuses the document for the value of `key`.
  void Refuse(absl::string_view key, absl::string_view reason);
  /// Refuses `key` if the file has it. For keys that another choice makes meaningless.
  void Forbid(absl::string_view key, absl::string_view reason);

  /// Of the whole document, once everything was asked for: the first key that nobody asked for
  /// (with the nearest name that somebody did), else the first fault found, else OK.
  absl::Status Finish() const;

 private:
  struct Document;
  struct Node;

  TomlTable(std::shared_ptr<Document> document, Node* node);
  bool Choice(absl::string_view key, std::span<const absl::string_view> names, size_t* index);

  std::shared_ptr<Document> document_;
  Node* node_;  // owned by the document
};

}  // namespace millrace
