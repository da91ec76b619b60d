// SPDX-License-Identifier: Apache-2.0
#include "client/output/source_json.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace millrace {
namespace {

nlohmann::ordered_json JsonOf(const std::string& name, const SourceStatus& status) {
  nlohmann::ordered_json json;
  json["source"] = name;
  json["state"] = std::string(SourceStateName(status.state));
  if (!status.reason.empty()) json["reason"] = status.reason;
  if (status.last_unix_ns > 0) {
    json["last"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ",
                                    absl::FromUnixNanos(status.last_unix_ns), absl::UTCTimeZone());
  }
  json["messages"] = status.messages;
  json["samples"] = status.samples;
  json["refused"] = status.refused;
  if (!status.last_refusal.empty()) json["last_refusal"] = status.last_refusal;
  json["reconnects"] = status.reconnects;
  json["unknown_values"] = status.unknown_values;
  if (!status.unknown_channels.empty()) json["unknown_channels"] = status.unknown_channels;
  return json;
}

}  // namespace

std::string SourcesJson(const std::map<std::string, SourceStatus>& sources) {
  std::string lines;
  for (const auto& [name, status] : sources) {
    // What plants send may stand in a reason, and be no UTF-8.
    absl::StrAppend(
        &lines, lines.empty() ? "[\n" : ",\n",
        JsonOf(name, status).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return lines.empty() ? "[]\n" : lines + "\n]\n";
}

}  // namespace millrace
