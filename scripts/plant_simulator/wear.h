// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "scripts/plant_simulator/vibration.h"

namespace millrace {

/// A bearing's way to its failure: nothing, then a spall that grows in proportion to its size.
struct Wear {
  std::string machine;
  int bearing = 1;  // 1-based
  FaultKind fault = FaultKind::kOuter;
  double onset_s = 0;  // since the start
  double failure_s = 0;
};

/// Size of a spall at its onset, where that at failure is 1.
inline constexpr double kSpallAtOnset = 0.08;

/// 0 before the onset, then from kSpallAtOnset to 1 at the failure, and beyond.
double SpallAt(const Wear& wear, double time_s);

/// Particles, in ppm, that come loose while a spall grows by its size at failure: a ball sheds all
/// around, a race from one place.
double DebrisPerGrowth(FaultKind fault);

/// "machine-3:2:inner@60:300": bearing 2 of machine-3 gets an inner-race defect at 60 s, and fails
/// at 300 s. INVALID_ARGUMENT says what is expected.
absl::StatusOr<Wear> ParseWear(absl::string_view text);

}  // namespace millrace
