// SPDX-License-Identifier: Apache-2.0
#include "client/data/capture_export.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "client/data/npy.h"

namespace millrace {
namespace {

/// As a field of delimited text (RFC 4180): names of channels may hold anything.
std::string CsvField(absl::string_view text) {
  const bool plain = text.find_first_of("\",\r\n") == absl::string_view::npos;
  return plain ? std::string(text)
               : absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string LabelField(const CaptureEntry& entry) {
  return entry.label ? absl::StrFormat("%.9g", entry.label->value) : "";
}

std::string RowTime(int64_t unix_ns) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", absl::FromUnixNanos(unix_ns),
                          absl::UTCTimeZone());
}

class CsvExport {
 public:
  void Add(const CaptureEntry& entry, const Capture& capture) {
    for (const StoredRows& rows : capture.rows) {
      std::vector<size_t> places;
      for (const std::string& channel : rows.channels) places.push_back(PlaceOf(channel));
      for (int64_t row = 0; row < rows.rows(); ++row) {
        const int64_t time_ns = rows.first_ns + row * rows.period_ns;
        const std::string label = entry.event.IsLabelled(time_ns) ? LabelField(entry) : "";
        std::vector<std::string> fields(channels_.size());
        for (size_t c = 0; c < places.size(); ++c) {
          const float value = rows.values[row * rows.channels.size() + c];
          if (std::isfinite(value)) fields[places[c]] = absl::StrFormat("%.9g", value);
        }
        lines_.push_back(
            {absl::StrCat(entry.id, ",", entry.event.machine, ",", RowTime(time_ns), ",", label),
             std::move(fields)});
      }
    }
  }

  std::string Text() const {
    std::string text = "capture,machine,time,label";
    for (const std::string& channel : channels_) absl::StrAppend(&text, ",", CsvField(channel));
    absl::StrAppend(&text, "\n");
    for (const auto& [head, fields] : lines_) {
      absl::StrAppend(&text, head);
      for (size_t c = 0; c < channels_.size(); ++c) {
        absl::StrAppend(&text, ",", c < fields.size() ? fields[c] : "");
      }
      absl::StrAppend(&text, "\n");
    }
    return text;
  }

 private:
  size_t PlaceOf(const std::string& channel) {
    const auto found = std::ranges::find(channels_, channel);
    if (found != channels_.end()) return found - channels_.begin();
    channels_.push_back(channel);
    return channels_.size() - 1;
  }

  struct Line {
    std::string head;
    std::vector<std::string> fields;  // of the channels known by then
  };
  std::vector<std::string> channels_;
  std::vector<Line> lines_;
};

absl::Status AddArrays(const CaptureEntry& entry, const Capture& capture, FileSystem* files,
                       const std::string& folder, std::string& manifest) {
  for (size_t i = 0; i < capture.rows.size(); ++i) {
    const StoredRows& rows = capture.rows[i];
    const std::string name =
        i == 0 ? absl::StrCat(entry.id, ".npy") : absl::StrCat(entry.id, "-", i + 1, ".npy");
    const std::vector<int64_t> shape = {rows.rows(), std::ssize(rows.channels)};
    MR_RETURN_IF_ERROR(
        WriteFileDurably(files, absl::StrCat(folder, "/", name), NpyBytes(shape, rows.values)));
    absl::StrAppend(&manifest, name, ",", entry.event.machine, ",", NameOf(entry.event.trigger),
                    ",", RowTime(rows.first_ns), ",", 1e9 / static_cast<double>(rows.period_ns),
                    ",", LabelField(entry), ",", CsvField(absl::StrJoin(rows.channels, " ")), "\n");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> ExportCaptures(const CaptureFolder& captures,
                                       const std::vector<CaptureEntry>& chosen,
                                       CaptureFormat format, FileSystem* files,
                                       const std::string& folder) {
  MR_RETURN_IF_ERROR(files->CreateDirectories(folder));
  CsvExport csv;
  std::string manifest = "file,machine,trigger,start,rate_hz,label,channels\n";
  for (const CaptureEntry& entry : chosen) {
    MR_ASSIGN_OR_RETURN(const Capture capture, captures.Read(entry.id));
    if (format == CaptureFormat::kCsv) {
      csv.Add(entry, capture);
    } else {
      MR_RETURN_IF_ERROR(AddArrays(entry, capture, files, folder, manifest));
    }
  }
  const bool is_csv = format == CaptureFormat::kCsv;
  MR_RETURN_IF_ERROR(WriteFileDurably(files, folder + (is_csv ? "/captures.csv" : "/manifest.csv"),
                                      is_csv ? csv.Text() : manifest));
  return std::ssize(chosen);
}

}  // namespace millrace
