// SPDX-License-Identifier: Apache-2.0
#include "client/drift_report.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "base/text.h"

namespace millrace {
namespace {

using DriftJsonObject = nlohmann::ordered_json;

std::string SinceText(int64_t unix_ns) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixNanos(unix_ns), absl::UTCTimeZone());
}

void PutOrder(const std::string& by, const std::string& note, DriftJsonObject& json) {
  if (!by.empty()) json["by"] = by;
  if (!note.empty()) json["note"] = note;
}

DriftJsonObject ChannelJson(const DriftingChannel& entry, const std::string& detector) {
  const DriftReport& report = entry.drift.report;
  DriftJsonObject json = {{"machine", entry.drift.machine},
                          {"channel", entry.drift.channel},
                          {"state", NameOf(report.state)},
                          {"since", SinceText(entry.since_ns)}};
  if (report.state != DriftState::kLearning) {
    json["detector"] = detector;
    json["reference"] = NameOf(report.reference);
    json["level"] = report.level;
    json["shift"] = report.shift;
    json["ks"] = report.ks;
    json["p"] = report.p;
    json["stability_index"] = report.stability_index;
  }
  PutOrder(entry.drift.by, entry.drift.note, json);
  return json;
}

std::string ListJson(const DriftingChannels& drifting, const std::vector<RelearnOrder>& orders) {
  DriftJsonObject json;
  json["channels"] = DriftJsonObject::array();
  for (const DriftingChannel& entry : drifting.channels) {
    json["channels"].push_back(ChannelJson(entry, drifting.detector));
  }
  json["orders"] = DriftJsonObject::array();
  for (const RelearnOrder& order : orders) {
    DriftJsonObject waiting = {
        {"machine", order.machine}, {"channels", order.channels}, {"threshold", order.threshold}};
    PutOrder(order.by, order.note, waiting);
    json["orders"].push_back(std::move(waiting));
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

/// "by A. Smith: the gearbox is new".
std::string OrderText(const std::string& by, const std::string& note) {
  return Printable(absl::StrCat("by ", by, note.empty() ? "" : ": ", note));
}

/// What says so: the detector that suspects, and the tests that confirm.
std::string FoundBy(const DriftingChannel& entry, const std::string& detector) {
  const DriftReport& report = entry.drift.report;
  if (report.state == DriftState::kLearning) return OrderText(entry.drift.by, entry.drift.note);
  return absl::StrFormat(
      "%s, level %.3g, shift %+.3g; by %s data ks %.3g, p %.2g, stability index %.3g", detector,
      report.level, report.shift, NameOf(report.reference), report.ks, report.p,
      report.stability_index);
}

}  // namespace

std::string DriftList(const DriftingChannels& drifting, const std::vector<RelearnOrder>& orders,
                      bool json) {
  if (json) return ListJson(drifting, orders);
  std::string text = absl::StrFormat("%-16s %-16s %-10s %-21s %s\n", "MACHINE", "CHANNEL", "STATE",
                                     "SINCE", "FOUND");
  for (const DriftingChannel& entry : drifting.channels) {
    absl::StrAppendFormat(&text, "%-16s %-16s %-10s %-21s %s\n", Printable(entry.drift.machine),
                          Printable(entry.drift.channel), NameOf(entry.drift.report.state),
                          SinceText(entry.since_ns), FoundBy(entry, drifting.detector));
  }
  for (const RelearnOrder& order : orders) {
    absl::StrAppend(&text, "waits for the daemon: ", Printable(order.machine), " (",
                    Printable(ChannelsText(order)), ") is to be learnt anew, ",
                    OrderText(order.by, order.note), "\n");
  }
  return text;
}

}  // namespace millrace
