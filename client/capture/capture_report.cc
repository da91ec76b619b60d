// SPDX-License-Identifier: Apache-2.0
#include "client/capture/capture_report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "base/text.h"

namespace millrace {
namespace {

std::string UtcText(int64_t unix_ns) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixNanos(unix_ns),
                          absl::UTCTimeZone());
}

nlohmann::ordered_json EntryJson(const CaptureEntry& entry) {
  const CaptureEvent& event = entry.event;
  nlohmann::ordered_json json = {{"capture", entry.id},
                                 {"machine", event.machine},
                                 {"trigger", std::string(NameOf(event.trigger))},
                                 {"time", UtcText(event.time_ns)},
                                 {"from", UtcText(event.from_ns)},
                                 {"to", UtcText(event.to_ns)},
                                 {"surprise", event.surprise},
                                 {"reason", event.reason},
                                 {"bytes", entry.bytes}};
  if (!event.model.empty()) {
    json["model"] = event.model;
    json["version"] = event.version;
  }
  if (entry.label) {
    json["label"] = entry.label->value;
    if (!entry.label->note.empty()) json["note"] = entry.label->note;
    if (!entry.label->by.empty()) json["by"] = entry.label->by;
  }
  return json;
}

std::string Dump(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

/// What one channel did over all of the capture.
struct ChannelSpan {
  std::string name;
  double sum = 0;
  double least = 0;
  double most = 0;
  int64_t values = 0;
  int64_t flagged = 0;

  void Add(float value, Flag flag) {
    flagged += flag >= Flag::kSuspect;
    if (!std::isfinite(value)) return;
    least = values == 0 ? value : std::min<double>(least, value);
    most = values == 0 ? value : std::max<double>(most, value);
    sum += value;
    ++values;
  }
};

std::vector<ChannelSpan> SpansOf(const Capture& capture) {
  std::vector<ChannelSpan> spans;
  for (const StoredRows& rows : capture.rows) {
    const size_t width = rows.channels.size();
    for (size_t c = 0; c < width; ++c) {
      auto span = std::ranges::find(spans, rows.channels[c], &ChannelSpan::name);
      if (span == spans.end()) {
        spans.push_back({.name = rows.channels[c]});
        span = std::prev(spans.end());
      }
      for (size_t i = c; i < rows.values.size(); i += width) {
        span->Add(rows.values[i], rows.flags[i]);
      }
    }
  }
  return spans;
}

}  // namespace

std::string CaptureList(const std::vector<CaptureEntry>& entries, bool json) {
  if (json) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const CaptureEntry& entry : entries) all.push_back(EntryJson(entry));
    return Dump(all);
  }
  std::string text = absl::StrFormat("%-48s %-8s %9s  %s\n", "CAPTURE", "LABEL", "SURPRISE", "WHY");
  for (const CaptureEntry& entry : entries) {
    absl::StrAppendFormat(&text, "%-48s %-8s %9.3g  %s\n", entry.id,
                          entry.label ? absl::StrCat(entry.label->value) : "-",
                          entry.event.surprise, Printable(entry.event.reason));
  }
  return text;
}

std::string CaptureDetails(const CaptureEntry& entry, const Capture& capture, bool json) {
  int64_t rows = 0;
  for (const StoredRows& block : capture.rows) rows += block.rows();
  nlohmann::ordered_json details = EntryJson(entry);
  details["rows"] = rows;
  details["pieces"] = capture.rows.size();
  if (!capture.rows.empty()) {
    details["rate_hz"] = 1e9 / static_cast<double>(capture.rows.front().period_ns);
  }
  const std::vector<ChannelSpan> spans = SpansOf(capture);
  if (json) {
    for (const ChannelSpan& span : spans) {
      nlohmann::ordered_json channel = {
          {"channel", span.name}, {"values", span.values}, {"flagged", span.flagged}};
      if (span.values > 0) {
        channel["min"] = span.least;
        channel["mean"] = span.sum / static_cast<double>(span.values);
        channel["max"] = span.most;
      }
      details["channels"].push_back(channel);
    }
    return Dump(details);
  }
  std::string text;
  for (const auto& [key, value] : details.items()) {
    const std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
    absl::StrAppendFormat(&text, "%-10s %s\n", key, Printable(shown));
  }
  absl::StrAppendFormat(&text, "\n%-24s %9s %9s %12s %12s %12s\n", "CHANNEL", "VALUES", "FLAGGED",
                        "MIN", "MEAN", "MAX");
  for (const ChannelSpan& span : spans) {
    const double mean = span.values > 0 ? span.sum / static_cast<double>(span.values) : 0;
    absl::StrAppendFormat(&text, "%-24s %9d %9d %12.6g %12.6g %12.6g\n", Printable(span.name),
                          span.values, span.flagged, span.least, mean, span.most);
  }
  return text;
}

}  // namespace millrace
