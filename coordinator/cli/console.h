// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"

namespace millrace {

/// Where the command line writes: results to standard output, everything else to standard error,
/// and, on a terminal, one live line at the bottom that is redrawn in place. Not thread-safe.
class Console {
 public:
  /// `columns` of the terminal that `out` is; 0 where it is none: there are no live lines then.
  /// The streams outlive this.
  Console(std::ostream* out, std::ostream* err, size_t columns);
  /// Takes the live line away.
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  /// A result; ends the line if `text` does not.
  void Print(absl::string_view text);
  /// "millrace: <text>" on standard error.
  void Complain(absl::string_view text);

  bool has_live_line() const { return columns_ > 0; }
  size_t columns() const { return columns_; }
  /// Replaces the live line; empty takes it away. Nothing where there is no terminal.
  void Live(const std::string& text);

 private:
  void Erase();
  void Draw();

  std::ostream* const out_;
  std::ostream* const err_;
  const size_t columns_;
  std::string live_;
};

}  // namespace millrace
