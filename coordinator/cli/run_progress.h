// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/v1/admin.pb.h"

namespace millrace {

/// An attempt at a round that is over, well or not.
struct RoundEnded {
  v1::Round round;
};
struct SiteFailure {
  v1::Round round;
  std::string site;
  std::string reason;
};
using RunNews = std::variant<RoundEnded, SiteFailure>;

/// Tells what is new in a run from its successive states, each of which holds the whole history: a
/// watch that was interrupted goes on where it was. Not thread-safe.
class RunProgress {
 public:
  /// In the order in which they happened, each once.
  std::vector<RunNews> Take(const v1::Run& run);

 private:
  using Attempt = std::pair<int64_t, int32_t>;  // round, attempt
  std::set<Attempt> ended_;
  std::set<std::tuple<Attempt, std::string, std::string>> failures_;  // site, reason
};

/// True once nothing about the run changes any more.
bool HasEnded(const v1::Run& run);

/// The round that takes updates or is being aggregated; null between rounds.
const v1::Round* OpenRound(const v1::Run& run);

}  // namespace millrace
