// SPDX-License-Identifier: Apache-2.0
#include "client/output/verdict_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/time/time.h"

namespace millrace {
namespace {

constexpr double kNsPerMs = 1e6;

std::string Text(absl::string_view text) { return std::string(text); }

std::string TimeText(int64_t unix_ns) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixNanos(unix_ns),
                          absl::UTCTimeZone());
}

/// Names come from the site's file and may hold anything.
std::string Line(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
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

std::string VerdictJson(const MachineVerdict& verdict) {
  nlohmann::ordered_json json;
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
  if (verdict.completeness_gap > 0) json["completeness_gap"] = verdict.completeness_gap;
  json["latency_ms"] = static_cast<double>(verdict.latency_ns) / kNsPerMs;
  return Line(json);
}

std::string DriftJson(const ChannelDrift& drift) {
  const DriftReport& report = drift.report;
  nlohmann::ordered_json json;
  json["machine"] = drift.machine;
  json["channel"] = drift.channel;
  json["time"] = TimeText(drift.time_ns);
  json["state"] = NameOf(report.state);
  json["level"] = report.level;
  json["shift"] = report.shift;
  json["ks"] = report.ks;
  json["p"] = report.p;
  json["stability_index"] = report.stability_index;
  return Line(json);
}

}  // namespace millrace
