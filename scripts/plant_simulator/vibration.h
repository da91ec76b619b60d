// SPDX-License-Identifier: Apache-2.0
// The acceleration at a bearing's housing: unbalance at the shaft's frequency, misalignment at
// twice that, broadband noise, and, with a defect, an impact at each pass that makes the housing
// ring at its resonance. As a waveform, and the same model's statistics in closed form.
#pragma once

#include <vector>

#include "absl/strings/string_view.h"
#include "base/random.h"
#include "scripts/plant_simulator/bearing.h"

namespace millrace {

enum class FaultKind { kNone, kInner, kBall, kOuter };
absl::string_view Name(FaultKind fault);

/// Accelerations in g.
struct VibrationState {
  double shaft_hz = 0;
  double unbalance = 0;     // amplitude at the shaft's frequency
  double misalignment = 0;  // amplitude at twice the shaft's frequency
  double noise = 0;         // root mean square
  FaultKind fault = FaultKind::kNone;
  FaultOrders orders;
  double impact = 0;  // of the ringing at its onset, averaged over the load zone
  double resonance_hz = 0;
  double damping = 0;  // ratio to critical
};

/// How the impacts' strength changes with the defect's way through the load zone:
/// 1 + depth cos(2 pi hz t). An outer-race defect stays where it is.
struct ImpactModulation {
  double depth = 0;
  double hz = 0;
};

/// Impacts per second; 0 without a fault.
double ImpactRate(const VibrationState& state);
ImpactModulation ModulationOf(const VibrationState& state);

struct VibrationMoments {
  double mean_square = 0;  // g^2
  double kurtosis = 3;     // 3 for noise alone
};

/// Moments of the waveform, averaged over the phases of its parts. Cumulants of the independent
/// parts add; a train of ringings h has the mean of x^k = rate * E[amplitude^k] * integral of h^k,
/// as long as each has died away before the next begins.
VibrationMoments MomentsOf(const VibrationState& state);

/// Amplitude, in g, of the line at the impacts' rate in the spectrum of the envelope
/// amplitude * exp(-damping * 2 pi resonance * t) of the ringing; 0 without a fault.
double EnvelopeLine(const VibrationState& state);

/// What a monitor of the bearing condenses the waveform to, in g but for the kurtosis.
struct VibrationIndicators {
  double rms = 0;
  double kurtosis = 3;
  double peak = 0;
  double envelope_line = 0;  // EnvelopeLine
  double resonance = 0;      // root mean square without the shaft's lines
};
VibrationIndicators IndicatorsOf(const VibrationState& state);

/// Standard deviation that slip gives the interval between impacts, as a share of it.
inline constexpr double kSlip = 0.01;

/// A waveform of `samples` at `sampling_hz`, phases and slip drawn from `random`.
std::vector<float> Waveform(const VibrationState& state, double sampling_hz, int samples,
                            Random* random);

}  // namespace millrace
