// SPDX-License-Identifier: Apache-2.0
#include "client/output/verdict_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/time/time.h"

namespace millrace {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr double kNsPerMs = 1e6;

std::string Text(absl::string_view text) { return std::string(text); }

std::string TimeText(int64_t unix_ns) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixNanos(unix_ns),
                          absl::UTCTimeZone());
}

/// Names come from the site's file and may hold anything.
std::string Line(const OrderedJson& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

OrderedJson ToJson(const MachineVerdict& verdict) {
  OrderedJson json;
  json["machine"] = verdict.machine;
  json["time"] = TimeText(verdict.time_ns);
  json["verdict"] = Text(NameOf(verdict.judgement));
  if (!verdict.reason.empty()) json["reason"] = verdict.reason;
  if (!verdict.model.empty()) {
    json["model"] = verdict.model;
    json["version"] = verdict.version;
    if (verdict.digest != Digest{}) json["sha256"] = verdict.digest.Hex();
    if (verdict.expired) json["model_expired"] = true;
  }
  if (std::isfinite(verdict.score)) {
    json["task"] = Text(Name(verdict.task));
    json["score"] = verdict.score;
    if (verdict.predicted >= 0) json["class"] = verdict.predicted;
  }
  if (verdict.threshold) json["threshold"] = *verdict.threshold;
  json["quality"] = Text(NameOf(verdict.quality));
  for (const FlaggedChannel& channel : verdict.flagged) {
    json["flagged"].push_back({{"channel", channel.name},
                               {"flag", Text(NameOf(channel.worst.flag))},
                               {"rule", Text(NameOf(channel.worst.rule))},
                               {"share", channel.share}});
  }
  for (const ChannelShare& share : verdict.shares) {
    json["shares"].push_back({{"channel", share.channel}, {"share", share.share}});
  }
  if (!verdict.shares.empty() && verdict.explained_ns != verdict.time_ns) {
    json["shares_time"] = TimeText(verdict.explained_ns);
  }
  if (verdict.completeness_gap > 0) json["completeness_gap"] = verdict.completeness_gap;
  json["latency_ms"] = static_cast<double>(verdict.latency_ns) / kNsPerMs;
  return json;
}

}  // namespace

absl::string_view NameOf(Judgement judgement) {
  switch (judgement) {
    case Judgement::kNotEvaluated:
      return "not_evaluated";
    case Judgement::kNormal:
      return "normal";
    case Judgement::kAlarm:
      return "alarm";
  }
  return "";
}

std::string VerdictJson(const MachineVerdict& verdict) { return Line(ToJson(verdict)); }

std::string StatusJson(const MachineStatus& status) {
  OrderedJson json = ToJson(*status.verdict);
  json["age_s"] = static_cast<double>(status.age_ns) / kNsPerS;
  json["alive"] = status.alive;
  json["heartbeat"] = status.heartbeat;
  if (status.last_alarm && status.last_alarm->time_ns != status.verdict->time_ns) {
    json["last_alarm"] = ToJson(*status.last_alarm);
  }
  return Line(json);
}

std::string HeartbeatJson(const MachineStatus& status) {
  OrderedJson json{
      {"machine", status.machine}, {"heartbeat", status.heartbeat}, {"alive", status.alive}};
  if (status.beaten_ns > 0) json["time"] = TimeText(status.beaten_ns);
  if (!status.why.empty()) json["why"] = status.why;
  if (ModelExpired(status)) json["model_expired"] = true;
  return Line(json);
}

std::string HeartbeatJson(const SiteStatus& site) {
  OrderedJson json;
  json["heartbeat"] = site.heartbeat;
  json["alive"] = site.alive;
  json["machines"] = site.machines.size();
  json["not_alive"] = OrderedJson::array();
  for (const MachineStatus& machine : site.machines) {
    if (!machine.alive) json["not_alive"].push_back(machine.machine);
  }
  const auto expired = std::ranges::count_if(site.machines, ModelExpired);
  if (expired > 0) json["model_expired"] = expired;
  return Line(json);
}

std::string DriftJson(const ChannelDrift& drift) {
  const DriftReport& report = drift.report;
  OrderedJson json;
  json["machine"] = drift.machine;
  json["channel"] = drift.channel;
  json["time"] = TimeText(drift.time_ns);
  json["state"] = NameOf(report.state);
  json["reference"] = NameOf(report.reference);
  json["level"] = report.level;
  json["shift"] = report.shift;
  json["ks"] = report.ks;
  json["p"] = report.p;
  json["stability_index"] = report.stability_index;
  if (!drift.by.empty()) json["relearnt_by"] = drift.by;
  if (!drift.note.empty()) json["note"] = drift.note;
  return Line(json);
}

}  // namespace millrace
