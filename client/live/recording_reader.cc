// SPDX-License-Identifier: Apache-2.0
#include "client/live/recording_reader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/data/npy.h"
#include "client/data/table_reader.h"
#include "client/live/live_clock.h"
#include "client/live/table_rows.h"

namespace millrace {
namespace {

constexpr double kLongestNs = 4e18;  // that a recording takes

class ArrayReader final : public RecordingReader {
 public:
  ArrayReader(NpyArray array, double rate_hz, int64_t end_ns,
              std::vector<std::optional<ChannelIndex>> channels)
      : array_(std::move(array)),
        step_ns_(static_cast<double>(kNsPerS) / rate_hz),
        end_ns_(end_ns),
        channels_(std::move(channels)) {}

  absl::StatusOr<bool> Next(std::vector<Sample>* samples) override {
    if (step_ == array_.shape[0]) return false;
    const auto left = static_cast<double>(array_.shape[0] - 1 - step_);
    const int64_t time_ns = end_ns_ - std::llround(std::min(left * step_ns_, kLongestNs));
    const size_t first = static_cast<size_t>(step_) * channels_.size();
    for (size_t c = 0; c < channels_.size(); ++c) {
      if (!channels_[c]) continue;
      const float value = array_.values[first + c];
      samples->push_back({time_ns, *channels_[c],
                          std::isfinite(value) ? value : std::numeric_limits<float>::quiet_NaN()});
    }
    ++step_;
    return true;
  }

 private:
  const NpyArray array_;
  const double step_ns_;
  const int64_t end_ns_;
  const std::vector<std::optional<ChannelIndex>> channels_;
  int64_t step_ = 0;
};

class TextReader final : public RecordingReader {
 public:
  TextReader(std::unique_ptr<TableReader> table, TableRows rows)
      : table_(std::move(table)), rows_(std::move(rows)) {}

  absl::StatusOr<bool> Next(std::vector<Sample>* samples) override {
    MR_ASSIGN_OR_RETURN(const bool more, table_->Next(&fields_));
    if (!more) return false;
    const absl::Status status = rows_.Append(fields_, /*untimed_ns=*/0, samples);
    if (!status.ok()) return table_->Refusal(std::string(status.message()));
    return true;
  }

 private:
  std::unique_ptr<TableReader> table_;
  TableRows rows_;
  std::vector<absl::string_view> fields_;
};

absl::StatusOr<std::unique_ptr<RecordingReader>> OpenArray(FileSystem* files,
                                                           const std::string& path,
                                                           const RecordingFormat& format,
                                                           int64_t end_ns,
                                                           StreamChannels* channels) {
  if (format.rate_hz <= 0) {
    return absl::InvalidArgumentError("an array has no times; give its rate_hz");
  }
  MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(files, path, format.max_bytes));
  MR_ASSIGN_OR_RETURN(NpyArray array, ParseNpy(bytes));
  const auto columns = array.shape.size() == 2 ? static_cast<size_t>(array.shape[1]) : 1;
  if (columns != format.channels.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(columns, " columns where ", format.channels.size(), " channels are named"));
  }
  std::vector<std::optional<ChannelIndex>> known;
  for (const std::string& name : format.channels) {
    known.push_back(channels->Find(format.rows.machine, name, array.shape[0]));
  }
  return std::make_unique<ArrayReader>(std::move(array), format.rate_hz, end_ns, std::move(known));
}

absl::StatusOr<std::unique_ptr<RecordingReader>> OpenText(const std::string& path,
                                                          const RecordingFormat& format,
                                                          StreamChannels* channels) {
  if (format.rows.time_column.empty()) {
    return absl::InvalidArgumentError("text needs a column of times; name it by time_column");
  }
  MR_ASSIGN_OR_RETURN(std::unique_ptr<TableReader> table,
                      TableReader::Open(path, {.separator = format.rows.separator,
                                               .columns = format.rows.columns,
                                               .renames = {},
                                               .max_bytes = format.max_bytes}));
  TableRows rows(format.rows, channels);
  MR_RETURN_IF_ERROR(rows.SetColumns(table->columns()));
  return std::make_unique<TextReader>(std::move(table), std::move(rows));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordingReader>> RecordingReader::Open(
    FileSystem* files, const std::string& path, const RecordingFormat& format, int64_t end_ns,
    StreamChannels* channels) {
  auto reader = absl::EndsWith(path, ".npy") ? OpenArray(files, path, format, end_ns, channels)
                                             : OpenText(path, format, channels);
  if (!reader.ok()) return Annotate(reader.status(), path);
  return reader;
}

}  // namespace millrace
