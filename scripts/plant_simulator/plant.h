// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/random.h"
#include "scripts/plant_simulator/bearing.h"
#include "scripts/plant_simulator/vibration.h"

namespace millrace {

/// A speed and a load at which machines run. The six lie on the operating-mode grid
/// [[input.mode]] setting_speed: step 300, min 900, max 1800; setting_load: step 30, min 40,
/// max 100.
struct Regime {
  double speed_rpm = 0;
  double load_percent = 0;  // of rated torque
};
inline constexpr int kRegimes = 6;
inline constexpr std::array<Regime, kRegimes> kRegimeTable = {
    {{900, 40}, {900, 100}, {1200, 70}, {1500, 40}, {1500, 100}, {1800, 70}}};

inline constexpr std::array<FaultKind, 3> kFaults = {FaultKind::kOuter, FaultKind::kInner,
                                                     FaultKind::kBall};

/// What sets one plant apart from the others.
struct Plant {
  std::string name;  // "plant-1"
  BearingGeometry bearing;
  double resonance_hz = 0;
  double damping = 0;
  double transmission = 1;  // from the bearing to the sensor
  double ambient_c = 20;
  double rated_stress = 1;  // mean Stress of its regimes: machines are sized for their duty
  std::array<double, kRegimes> regime_shares{};  // add up to 1
  std::array<double, 3> fault_shares{};          // of kFaults, add up to 1
};

/// What a regime does to a machine, in any unit: load^1.5 times speed.
double Stress(double speed_rpm, double load_percent);

/// Plant `index` (0-based) of a set. Each has its own bearing type, dominant fault (90 % of its
/// failures) and favourite regimes.
Plant MakePlant(int index, uint64_t seed);

/// The same plant later on, when every fault is as likely as the others. Test machines come from
/// it: a plant is to recognise what it will meet, and has so far seen little of most of that.
Plant Later(const Plant& plant);

/// The machine's vibration in a regime with a defect of size `wear` (about 1 at failure).
VibrationState VibrationAt(const Plant& plant, FaultKind fault, double wear, double speed_rpm,
                           double load_percent);

/// An index drawn with the probabilities `shares`.
template <size_t N>
size_t Draw(const std::array<double, N>& shares, Random* random) {
  double left = random->Uniform();
  for (size_t i = 0; i + 1 < N; ++i) {
    left -= shares[i];
    if (left < 0) return i;
  }
  return N - 1;
}

}  // namespace millrace
