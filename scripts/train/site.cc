// SPDX-License-Identifier: Apache-2.0
#include "scripts/train/site.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/config.h"
#include "client/data/load.h"

namespace millrace {

absl::StatusOr<std::vector<Site>> LoadSites(std::span<const std::string> paths, const Plan& plan) {
  std::vector<Site> sites;
  std::set<std::string> names;
  for (const std::string& path : paths) {
    MR_ASSIGN_OR_RETURN(SiteConfig config, ReadSiteConfig(path, SiteConfigUse::kScript));
    if (!names.insert(config.name).second) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": another site is named \"",
                                                     config.name,
                                                     "\" too; give each its own [site] name"));
    }
    absl::StatusOr<std::vector<Series>> series = LoadSeries(config.data, plan);
    if (!series.ok()) return Annotate(series.status(), path);
    sites.push_back({std::move(config.name), *std::move(series), std::move(config.test)});
  }
  return sites;
}

Site Pool(std::span<const Site> sites) {
  Site pool{"all", {}, std::nullopt, static_cast<int64_t>(sites.size())};
  for (const Site& site : sites) {
    for (const Series& series : site.series) {
      pool.series.push_back(series);
      pool.series.back().unit = absl::StrCat(site.name, ":", series.unit);
    }
  }
  return pool;
}

}  // namespace millrace
