// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/wear.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scripts/plant_simulator/plant.h"

namespace millrace {

double SpallAt(const Wear& wear, double time_s) {
  if (time_s < wear.onset_s) return 0;
  const double share = (time_s - wear.onset_s) / (wear.failure_s - wear.onset_s);
  return std::pow(kSpallAtOnset, 1 - share);
}

double DebrisPerGrowth(FaultKind fault) {
  switch (fault) {
    case FaultKind::kOuter:
      return 200;
    case FaultKind::kInner:
      return 120;
    case FaultKind::kBall:
      return 340;
    case FaultKind::kNone:
      return 0;
  }
  return 0;
}

absl::StatusOr<Wear> ParseWear(absl::string_view text) {
  const auto refuse = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat(text,
                     ": expected MACHINE:BEARING:outer|inner|ball@ONSET:FAILURE, the times in "
                     "seconds and the failure after the onset"));
  };
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('@', 1));
  const std::vector<absl::string_view> what = absl::StrSplit(parts.first, ':');
  const std::vector<absl::string_view> when = absl::StrSplit(parts.second, ':');
  if (what.size() != 3 || when.size() != 2) return refuse();
  const auto fault =
      std::ranges::find_if(kFaults, [&](FaultKind kind) { return Name(kind) == what[2]; });
  Wear wear;
  wear.machine = std::string(what[0]);
  if (wear.machine.empty() || fault == kFaults.end() || !absl::SimpleAtoi(what[1], &wear.bearing) ||
      wear.bearing < 1 || !absl::SimpleAtod(when[0], &wear.onset_s) ||
      !absl::SimpleAtod(when[1], &wear.failure_s) || !std::isfinite(wear.failure_s) ||
      !(wear.onset_s >= 0) || !(wear.failure_s > wear.onset_s)) {
    return refuse();
  }
  wear.fault = *fault;
  return wear;
}

}  // namespace millrace
