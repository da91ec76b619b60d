// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/data/data_config.h"
#include "client/data/fields.h"
#include "client/data/line_reader.h"
#include "client/data/site_message.h"

namespace millrace {

/// The rows of a delimited text file, by named columns. Blank lines are skipped.
///
/// A file that is still being written, or whose copy broke off, ends in half a row: a last line
/// without newline whose fields are too few, or whose last field cannot be read. Such a line is
/// dropped with a warning in the log; anywhere else the same is a refusal. Half a number that is
/// itself a number, "12.3" of "12.34", looks whole and is taken, with a warning. Not thread-safe.
class TableReader {
 public:
  struct Options {
    char separator = ',';              // ' ': any run of blanks
    std::vector<std::string> columns;  // empty: the first line names them
    std::vector<ColumnRename> renames;
    int64_t max_bytes = int64_t{1} << 32;
  };

  /// INVALID_ARGUMENT for an empty file or a rename of a column that the file does not have.
  static absl::StatusOr<std::unique_ptr<TableReader>> Open(const std::string& path,
                                                           const Options& options);

  const std::vector<std::string>& columns() const { return columns_; }

  /// Indices of columns by name, after renaming. The refusal names all that are missing and those
  /// that exist.
  absl::StatusOr<std::vector<size_t>> Find(std::span<const std::string> names) const;

  /// The next row, one field per column; false after the last. INVALID_ARGUMENT for a wrong number
  /// of fields. The fields live until the next call.
  absl::StatusOr<bool> Next(std::vector<absl::string_view>* fields);

  /// "file:line: column "c": reason" about the row that Next gave last. The file's name stays at
  /// the site.
  absl::Status Refusal(size_t column, const SiteMessage& reason,
                       absl::StatusCode code = absl::StatusCode::kInvalidArgument) const;
  /// The same about the whole row.
  absl::Status Refusal(const SiteMessage& reason,
                       absl::StatusCode code = absl::StatusCode::kInvalidArgument) const;

  /// Whether a last row with an unreadable field `column` is half-written; if so, says so in the
  /// log.
  bool DropAsHalfWritten(size_t column) const;

 private:
  TableReader(const std::string& path, char separator, std::unique_ptr<LineReader> lines);
  absl::Status ReadHeader(const Options& options);
  SiteMessage Where() const;
  void WarnOfLastLine(absl::string_view event) const;

  const std::string path_;
  FieldSplitter splitter_;
  std::unique_ptr<LineReader> lines_;
  std::vector<std::string> columns_;
};

}  // namespace millrace
