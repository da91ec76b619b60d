// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/plant.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

// Deep-groove ball bearings: 6205 and 6203 as the Case Western Reserve data center gives them,
// 6206 and 6204 typical.
constexpr std::array<BearingGeometry, 4> kBearings = {
    {{9, 7.940, 39.040, 0}, {8, 6.746, 28.499, 0}, {9, 9.525, 46.000, 0}, {8, 7.938, 33.500, 0}}};

// What the path to the sensor leaves of an impact, by where the defect sits: an outer-race defect
// is rigidly coupled, the others are felt through rolling contacts.
double PathGain(FaultKind fault) {
  switch (fault) {
    case FaultKind::kOuter:
      return 1;
    case FaultKind::kInner:
      return 0.6;
    case FaultKind::kBall:
      return 0.3;
    case FaultKind::kNone:
      return 0;
  }
  return 0;
}

}  // namespace

double Stress(double speed_rpm, double load_percent) {
  return std::pow(std::max(load_percent, 0.0), 1.5) * speed_rpm;
}

Plant MakePlant(int index, uint64_t seed) {
  Plant plant;
  plant.name = absl::StrCat("plant-", index + 1);
  Random random = Random(seed).Fork(plant.name);
  plant.bearing = kBearings[static_cast<size_t>(index) % kBearings.size()];
  plant.resonance_hz = 2800 + 900 * random.Uniform();
  plant.damping = 0.04 + 0.03 * random.Uniform();
  plant.transmission = 0.9 + 0.2 * random.Uniform();
  plant.ambient_c = 16 + 12 * random.Uniform();
  plant.regime_shares.fill(0.06);
  const auto favourite = static_cast<size_t>(index * 2);
  plant.regime_shares[favourite % kRegimes] = 0.45;
  plant.regime_shares[(favourite + 3) % kRegimes] = 0.31;
  plant.rated_stress = 0;
  for (size_t i = 0; i < kRegimes; ++i) {
    plant.rated_stress +=
        plant.regime_shares[i] * Stress(kRegimeTable[i].speed_rpm, kRegimeTable[i].load_percent);
  }
  plant.fault_shares.fill(0.05);
  plant.fault_shares[static_cast<size_t>(index) % kFaults.size()] = 0.9;
  return plant;
}

Plant Later(const Plant& plant) {
  Plant later = plant;
  later.fault_shares.fill(1.0 / static_cast<double>(kFaults.size()));
  return later;
}

VibrationState VibrationAt(const Plant& plant, FaultKind fault, double wear, double speed_rpm,
                           double load_percent) {
  const double speed = speed_rpm / 1500;
  const double load = 0.4 + 0.6 * load_percent / 100;
  VibrationState state;
  state.shaft_hz = speed_rpm / 60;
  // Centrifugal force grows with the square of the speed; clearance from wear adds to it.
  state.unbalance = plant.transmission * 0.12 * speed * speed * (1 + 0.3 * wear);
  state.misalignment = plant.transmission * 0.06 * speed * load;
  state.noise = plant.transmission * 0.10 * std::sqrt(speed) * (1 + 0.2 * wear);
  state.fault = fault;
  state.orders = OrdersOf(plant.bearing);
  state.impact = plant.transmission * PathGain(fault) * 6 * wear * speed * load;
  state.resonance_hz = plant.resonance_hz;
  state.damping = plant.damping;
  return state;
}

}  // namespace millrace
