// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/live/sample.h"
#include "client/live/stream_channels.h"
#include "client/live/timestamps.h"

namespace millrace {

/// Delimited text whose columns are channels.
struct RowFormat {
  char separator = ',';              // ' ': any run of blanks
  std::vector<std::string> columns;  // of a file without a header; empty: the first line has them
  std::string time_column;           // empty: rows have no time
  TimeFormat time = TimeFormat::kAuto;
  int64_t utc_offset_s = 0;    // of times that do not say theirs
  std::string machine_column;  // empty: all rows are of `machine`
  std::string machine;

  bool operator==(const RowFormat&) const = default;
};

/// What rows say of the site's channels. Not thread-safe.
class TableRows {
 public:
  /// `channels` outlives the object.
  TableRows(RowFormat format, StreamChannels* channels)
      : format_(std::move(format)), channels_(channels) {}

  /// Comes first. INVALID_ARGUMENT if the columns of time or machine are not among them.
  absl::Status SetColumns(const std::vector<std::string>& names);

  /// Appends the row's values; `untimed_ns` is the time of a row that says none. INVALID_ARGUMENT
  /// for a wrong number of fields, a time that cannot be read, or text in a channel's column;
  /// nothing is then appended.
  absl::Status Append(std::span<const absl::string_view> fields, int64_t untimed_ns,
                      std::vector<Sample>* samples);

 private:
  absl::Status AppendValue(size_t column, absl::string_view field, Sample sample,
                           std::vector<Sample>* samples) const;

  const RowFormat format_;
  StreamChannels* const channels_;
  std::vector<std::string> names_;
  std::vector<std::optional<ChannelIndex>> known_;  // by column, without a column of machines
  std::optional<size_t> time_;
  std::optional<size_t> machine_;
};

}  // namespace millrace
