// SPDX-License-Identifier: Apache-2.0
#include "coordinator/site_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "base/text.h"

namespace millrace {

constexpr absl::Duration kConnected = absl::Minutes(1);
constexpr absl::Duration kTimeToComeBack = absl::Minutes(10);  // after a start

SiteRegistry::SiteRegistry(Store* store, Clock* clock, Clock* steady,
                           std::vector<std::string> allowed, absl::Duration presence)
    : store_(store),
      clock_(clock),
      steady_(steady),
      allowed_(allowed.begin(), allowed.end()),
      presence_(presence) {}

absl::Status SiteRegistry::Load() {
  MR_ASSIGN_OR_RETURN(const std::vector<SiteRecord> records, store_->LoadSites());
  for (const SiteRecord& record : records) sites_[record.name].record = record;
  loaded_ = steady_->Now();
  return absl::OkStatus();
}

bool SiteRegistry::IsAllowed(const std::string& site) const {
  return allowed_.empty() || allowed_.contains(site);
}

absl::Status SiteRegistry::Admit(const std::string& site) {
  if (IsAllowed(site)) return absl::OkStatus();
  if (refused_.insert(site).second) {
    LogWarning("site refused", {{"site", site}, {"reason", "not in [sites] allowed"}});
  }
  return absl::PermissionDeniedError(absl::StrCat(
      "site ", site, ": unknown to this coordinator; add it to [sites] allowed to let it in"));
}

void SiteRegistry::Heard(Entry& entry) {
  entry.record.last_seen = clock_->Now();
  entry.last_heard = steady_->Now();
}

absl::Status SiteRegistry::CheckIn(const std::string& site, const std::string& version,
                                   const std::string& objection) {
  MR_RETURN_IF_ERROR(Admit(site));
  const auto [position, is_new] = sites_.try_emplace(site);
  Entry& entry = position->second;
  const bool changed = is_new || entry.record.version != version;
  Heard(entry);
  entry.last_check_in = entry.last_heard;
  entry.put_out = false;
  if (is_new) entry.record.first_seen = entry.record.last_seen;
  entry.record.name = site;
  entry.record.version = version;
  entry.report.Clear();
  entry.report.set_activity(v1::ACTIVITY_IDLE);
  if (entry.objection != objection) {
    LogInfo(objection.empty() ? "site takes work again" : "site takes no work",
            {{"site", site}, {"objection", objection}});
    entry.objection = objection;
  }
  if (!changed) return absl::OkStatus();
  LogInfo("site checked in", {{"site", site}, {"version", version}, {"new", is_new}});
  const absl::Status stored = store_->PutSite(entry.record);
  if (!stored.ok()) entry.record.version.clear();  // so that its next check-in is written
  return stored;
}

void SiteRegistry::Serve(const std::string& site, std::vector<v1::ServedModel> models) {
  const auto entry = sites_.find(site);
  if (entry == sites_.end()) return;
  std::vector<v1::ServedModel>& before = entry->second.serving;
  for (const v1::ServedModel& model : models) {
    const auto is_same = [&](const v1::ServedModel& other) {
      return other.SerializeAsString() == model.SerializeAsString();
    };
    if (std::any_of(before.begin(), before.end(), is_same)) continue;
    LogInfo("site serves a model",
            {{"site", site},
             {"model", model.name()},
             {"version", model.version()},
             {"parameters_sha256", absl::BytesToHexString(model.parameters_sha256())},
             {"expired", model.expired()}});
  }
  before = std::move(models);
}

bool SiteRegistry::NoteDrift(const std::string& site, std::vector<ModelDrift> drift) {
  const auto entry = sites_.find(site);
  if (entry == sites_.end()) return false;
  const auto drifting = [](const std::vector<ModelDrift>& models) {
    std::set<std::string> names;
    for (const ModelDrift& model : models) {
      if (model.in_drift()) names.insert(model.model);
    }
    return names;
  };
  const std::set<std::string> before = drifting(entry->second.drift);
  const std::set<std::string> now = drifting(drift);
  for (const ModelDrift& model : drift) {
    if (!model.in_drift() || before.contains(model.model)) continue;
    LogInfo("site reports drift", {{"site", site},
                                   {"model", model.model},
                                   {"channels_in_drift", model.channels_in_drift},
                                   {"channels_watched", model.channels_watched},
                                   {"score_in_drift", model.score_in_drift},
                                   {"level", model.level}});
  }
  for (const std::string& model : before) {
    if (!now.contains(model)) LogInfo("site's drift is over", {{"site", site}, {"model", model}});
  }
  entry->second.drift = std::move(drift);
  return before != now;
}

void SiteRegistry::PutOut(const std::string& site) {
  const auto entry = sites_.find(site);
  if (entry == sites_.end()) return;
  entry->second.last_check_in = absl::InfinitePast();
  entry->second.last_heard = absl::InfinitePast();
  entry->second.drift.clear();
  entry->second.put_out = true;
}

DriftCount SiteRegistry::CountDrift(const Plan& plan, const std::set<std::string>& at_work) const {
  const absl::Time now = steady_->Now();
  const absl::Duration within = absl::Seconds(plan.start.seen_within_s);
  const bool just_begun = now - loaded_ <= std::min(within, kTimeToComeBack);
  DriftCount count;
  for (const auto& [name, entry] : sites_) {
    const bool seen = just_begun || now - entry.last_heard <= within || at_work.contains(name);
    if (entry.put_out || !seen || !IsAllowed(name)) continue;
    ++count.sites;
    const bool drifts = std::ranges::any_of(entry.drift, [&](const ModelDrift& drift) {
      return drift.model == plan.run.name && drift.in_drift();
    });
    if (drifts) ++count.drifting;
  }
  return count;
}

void SiteRegistry::Leave(const std::string& site) {
  if (const auto entry = sites_.find(site); entry != sites_.end()) {
    entry->second.last_check_in = absl::InfinitePast();
  }
}

void SiteRegistry::Report(const std::string& site, const v1::ReportRequest& report) {
  const auto entry = sites_.find(site);
  if (entry == sites_.end()) return;
  Heard(entry->second);
  entry->second.report = report;
}

absl::Status SiteRegistry::CountUpdate(const std::string& site) {
  Entry& entry = sites_[site];
  Heard(entry);
  SiteRecord& record = entry.record;
  record.name = site;
  ++record.updates;
  return store_->PutSite(record);
}

bool SiteRegistry::TakesWork(const std::string& site) const {
  const auto entry = sites_.find(site);
  return entry != sites_.end() && entry->second.objection.empty() &&
         steady_->Now() - entry->second.last_check_in <= presence_;
}

std::vector<std::string> SiteRegistry::Present() const {
  std::vector<std::string> present;
  for (const auto& [name, entry] : sites_) {
    if (TakesWork(name)) present.push_back(name);
  }
  return present;
}

std::vector<v1::Site> SiteRegistry::List() const {
  const absl::Time now = steady_->Now();
  std::vector<v1::Site> list;
  for (const auto& [name, entry] : sites_) {
    v1::Site& site = list.emplace_back();
    site.set_name(name);
    site.set_first_seen_ms(absl::ToUnixMillis(entry.record.first_seen));
    site.set_last_seen_ms(absl::ToUnixMillis(entry.record.last_seen));
    site.set_version(Utf8(entry.record.version));
    site.set_connected(now - entry.last_heard <= kConnected);
    site.set_updates(entry.record.updates);
    site.set_objection(entry.objection);
    site.mutable_serving()->Assign(entry.serving.begin(), entry.serving.end());
    for (const ModelDrift& drift : entry.drift) *site.add_drift() = ToProto(drift);
    *site.mutable_report() = entry.report;
  }
  return list;
}

}  // namespace millrace
