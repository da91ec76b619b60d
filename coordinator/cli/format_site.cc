// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/format_site.h"

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/cli/table.h"
#include "coordinator/cli/units.h"

namespace millrace {
namespace {

/// "working: turbofan-1 round 7, epoch 2, step 120, loss 0.0123".
std::string ActivityText(const v1::Site& site) {
  if (!site.connected()) return kNothing;
  if (!site.objection().empty()) return site.objection();
  if (!site.has_report()) return kNothing;
  const v1::ReportRequest& report = site.report();
  std::string text(Name(report.activity()));
  if (report.activity() == v1::ACTIVITY_IDLE || !report.has_round()) return text;
  absl::StrAppend(&text, ": ", report.round().run(), " round ", report.round().round());
  if (report.activity() == v1::ACTIVITY_WORKING && report.step() > 0) {
    absl::StrAppend(&text, ", epoch ", report.epoch(), ", step ", report.step(), ", loss ",
                    HumanNumber(report.loss()));
  }
  return text;
}

/// "pumps 3 (1a2b3c4d5e6f)", with the beginning of the parameters' digest as `model list` has it.
std::string ServingText(const v1::Site& site) {
  if (site.serving().empty()) return kNothing;
  return absl::StrJoin(site.serving(), ", ", [](std::string* out, const v1::ServedModel& model) {
    absl::StrAppend(out, model.name(), " ", model.version(), " (",
                    ShortDigest(model.parameters_sha256()), model.expired() ? ", expired)" : ")");
  });
}

Json ServingJson(const v1::Site& site) {
  Json list = Json::array();
  for (const v1::ServedModel& model : site.serving()) {
    list.push_back({{"model", model.name()},
                    {"version", model.version()},
                    {"parameters_sha256", absl::BytesToHexString(model.parameters_sha256())},
                    {"package_sha256", absl::BytesToHexString(model.package_sha256())},
                    {"expired", model.expired()}});
  }
  return list;
}

/// "pumps 2 of 12 channels and the score for 3 h"; "none" where nothing that is watched drifts.
std::string DriftText(const v1::Site& site) {
  if (site.drift().empty()) return kNothing;
  std::vector<std::string> models;
  for (const v1::ModelDrift& drift : site.drift()) {
    std::vector<std::string> what;
    if (drift.channels_in_drift() > 0) {
      what.push_back(absl::StrCat(HumanCount(drift.channels_in_drift()), " of ",
                                  HumanCount(drift.channels_watched()), " channels"));
    }
    if (drift.score_in_drift()) what.push_back("the score");
    if (what.empty()) continue;
    models.push_back(absl::StrCat(drift.name(), " ", absl::StrJoin(what, " and "), " for ",
                                  HumanDuration(absl::Seconds(drift.lasts_s()))));
  }
  return models.empty() ? "none" : absl::StrJoin(models, ", ");
}

Json DriftJson(const v1::Site& site) {
  Json list = Json::array();
  for (const v1::ModelDrift& drift : site.drift()) {
    list.push_back({{"model", drift.name()},
                    {"parameters_sha256", absl::BytesToHexString(drift.parameters_sha256())},
                    {"channels_watched", drift.channels_watched()},
                    {"channels_in_drift", drift.channels_in_drift()},
                    {"score_in_drift", drift.score_in_drift()},
                    {"level", drift.level()},
                    {"lasts_s", drift.lasts_s()}});
  }
  return list;
}

std::string LastSeenText(const v1::Site& site, absl::Time now) {
  if (site.last_seen_ms() == 0) return "never";
  return absl::StrCat(HumanDuration(now - absl::FromUnixMillis(site.last_seen_ms())), " ago");
}

Json ReportJson(const v1::Site& site) {
  if (!site.has_report()) return nullptr;
  const v1::ReportRequest& report = site.report();
  Json round = nullptr;
  if (report.has_round()) {
    round = {{"run", report.round().run()},
             {"round", report.round().round()},
             {"attempt", report.round().attempt()}};
  }
  return {{"activity", std::string(Name(report.activity()))},
          {"round", std::move(round)},
          {"epoch", report.epoch()},
          {"step", report.step()},
          {"loss", report.loss()}};
}

}  // namespace

absl::string_view Name(v1::Activity activity) {
  switch (activity) {
    case v1::ACTIVITY_IDLE:
      return "idle";
    case v1::ACTIVITY_WORKING:
      return "working";
    default:
      return "unknown";
  }
}

std::string SitesText(const v1::ListSitesResponse& sites, absl::Time now) {
  Table table(
      {"SITE", "STATE", ">UPDATES", ">LAST SEEN", "VERSION", "SERVES", "DRIFT", "ACTIVITY"});
  for (const v1::Site& site : sites.sites()) {
    table.AddRow({site.name(), site.connected() ? "connected" : "away", HumanCount(site.updates()),
                  LastSeenText(site, now), site.version().empty() ? kNothing : site.version(),
                  ServingText(site), DriftText(site), ActivityText(site)});
  }
  return table.empty() ? "no site has checked in yet\n" : table.Text();
}

Json SitesJson(const v1::ListSitesResponse& sites) {
  Json list = Json::array();
  for (const v1::Site& site : sites.sites()) {
    list.push_back({{"site", site.name()},
                    {"connected", site.connected()},
                    {"first_seen", JsonTime(site.first_seen_ms())},
                    {"last_seen", JsonTime(site.last_seen_ms())},
                    {"version", site.version()},
                    {"updates", site.updates()},
                    {"objection", site.objection()},
                    {"serving", ServingJson(site)},
                    {"drift", DriftJson(site)},
                    {"report", ReportJson(site)}});
  }
  return {{"sites", std::move(list)}};
}

}  // namespace millrace
