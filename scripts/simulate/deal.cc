// SPDX-License-Identifier: Apache-2.0
#include "scripts/simulate/deal.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace millrace {

absl::StatusOr<std::vector<Site>> DealByUnit(std::span<const Site> sites, int64_t count) {
  Site pool = Pool(sites);
  std::vector<Site> dealt(count);
  for (int64_t i = 0; i < count; ++i) dealt[i].name = absl::StrCat("site-", i + 1);
  std::map<std::string, int64_t> owners;  // of units, which may have several series
  for (Series& series : pool.series) {
    const auto units = static_cast<int64_t>(owners.size());
    const auto [owner, is_new] = owners.try_emplace(series.unit, units % count);
    dealt[owner->second].series.push_back(std::move(series));
  }
  if (static_cast<int64_t>(owners.size()) < count) {
    return absl::InvalidArgumentError(absl::StrCat(owners.size(), " units cannot be dealt to ",
                                                   count, " sites; ask for at most ",
                                                   owners.size()));
  }
  return dealt;
}

}  // namespace millrace
