// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct gzFile_s;

namespace millrace {

/// A text file, line by line; gzip is unpacked on the way. Memory is bounded by the longest line,
/// itself at most kMaxLineBytes. Takes a UTF-8 byte-order mark and CRLF for what they are.
/// Not thread-safe.
class LineReader {
 public:
  static constexpr size_t kMaxLineBytes = size_t{1} << 20;

  /// Errors name the path. `max_bytes` bounds the unpacked text (RESOURCE_EXHAUSTED beyond it), so
  /// that a small archive cannot grow without end.
  static absl::StatusOr<std::unique_ptr<LineReader>> Open(const std::string& path,
                                                          int64_t max_bytes);

  /// The next line without its line end; false after the last. `*line` lives until the next call.
  /// INVALID_ARGUMENT for a damaged or half-written archive, UTF-16 and lines that are too long.
  absl::StatusOr<bool> Next(absl::string_view* line);

  /// 1-based, of the line that Next gave last.
  int64_t line_number() const { return line_number_; }
  /// Whether that line ended with a newline. Only a file's last line can lack it.
  bool terminated() const { return terminated_; }

 private:
  struct Close {
    void operator()(gzFile_s* file) const;
  };

  LineReader(const std::string& path, int64_t max_bytes, gzFile_s* file);
  absl::Status Fill();

  const std::string path_;
  const int64_t max_bytes_;
  std::unique_ptr<gzFile_s, Close> file_;
  std::string buffer_;  // unread text is [begin_, end_)
  size_t begin_ = 0;
  size_t end_ = 0;
  int64_t bytes_read_ = 0;
  bool at_end_ = false;
  int64_t line_number_ = 0;
  bool terminated_ = true;
};

}  // namespace millrace
