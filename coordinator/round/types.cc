// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/types.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace millrace {

std::string ToString(const RoundId& id) {
  return absl::StrCat(id.run, " round ", id.round, " attempt ", id.attempt);
}

std::string ToString(const DriftReached& reached) {
  return absl::StrCat("drift at ", reached.drifting, " of ", reached.sites, " sites (needed ",
                      reached.needed, ")");
}

bool RoundState::Invited(const std::string& site) const {
  return std::binary_search(cohort.begin(), cohort.end(), site);
}

absl::string_view Name(SecurePhase phase) {
  switch (phase) {
    case SecurePhase::kAdvertise:
      return "advertise";
    case SecurePhase::kShare:
      return "share";
    case SecurePhase::kMask:
      return "mask";
    case SecurePhase::kAgree:
      return "agree";
    case SecurePhase::kUnmask:
      return "unmask";
  }
  return "";
}

std::set<std::string> RoundState::Members() const {
  const auto those_who_did = [&](SecurePhase before) {
    const auto found = secure->done.find(before);
    return found == secure->done.end() ? std::set<std::string>() : found->second;
  };
  const auto contributors = [&] {
    std::set<std::string> sites;
    for (const auto& [site, contribution] : contributions) sites.insert(site);
    return sites;
  };
  if (!secure || secure->phase == SecurePhase::kAdvertise) return {cohort.begin(), cohort.end()};
  switch (secure->phase) {
    case SecurePhase::kShare:
      return those_who_did(SecurePhase::kAdvertise);
    case SecurePhase::kMask:
      return those_who_did(SecurePhase::kShare);
    case SecurePhase::kUnmask:
      if (secure->done.contains(SecurePhase::kAgree)) return those_who_did(SecurePhase::kAgree);
      [[fallthrough]];
    default:
      return contributors();
  }
}

bool RoundState::Done(const std::string& site) const {
  if (!secure || secure->phase == SecurePhase::kMask) return contributions.contains(site);
  const auto found = secure->done.find(secure->phase);
  return found != secure->done.end() && found->second.contains(site);
}

int64_t RoundState::Outstanding() const {
  if (!secure) return std::ssize(cohort) - std::ssize(contributions) - std::ssize(failures);
  const std::set<std::string> members = Members();
  return std::count_if(members.begin(), members.end(), [&](const std::string& site) {
    return !Done(site) && !failures.contains(site);
  });
}

bool RoundState::TakesUpdates() const {
  return phase == RoundPhase::kOpen && (!secure || secure->phase == SecurePhase::kMask);
}

const RoundState* RunState::Current() const {
  if (rounds.empty()) return nullptr;
  const RoundPhase phase = rounds.back().phase;
  return phase == RoundPhase::kOpen || phase == RoundPhase::kClosed ? &rounds.back() : nullptr;
}

}  // namespace millrace
