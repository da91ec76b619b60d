// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/vibration.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"

namespace millrace {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

// The ringing exp(-decay t) sin(omega t).
struct Ringing {
  double decay = 0;  // 1/s
  double omega = 0;  // rad/s
};

Ringing RingingOf(const VibrationState& state) {
  const double natural = kTurn * state.resonance_hz;
  return {.decay = state.damping * natural,
          .omega = natural * std::sqrt(1 - state.damping * state.damping)};
}

// Integral over t > 0 of exp(-decay t) cos(omega t).
double DampedCosine(double decay, double omega) { return decay / (decay * decay + omega * omega); }

// Integral of the ringing's square and fourth power, from
// sin^2 = (1 - cos 2x) / 2 and sin^4 = (3 - 4 cos 2x + cos 4x) / 8.
double SquareIntegral(const Ringing& r) {
  return (1 / (2 * r.decay) - DampedCosine(2 * r.decay, 2 * r.omega)) / 2;
}
double FourthIntegral(const Ringing& r) {
  return (3 / (4 * r.decay) - 4 * DampedCosine(4 * r.decay, 2 * r.omega) +
          DampedCosine(4 * r.decay, 4 * r.omega)) /
         8;
}

void AddImpacts(const VibrationState& state, double sampling_hz, Random* random,
                std::vector<float>& wave) {
  const double rate = ImpactRate(state);
  if (rate == 0) return;
  const Ringing ringing = RingingOf(state);
  const ImpactModulation modulation = ModulationOf(state);
  const double phase = kTurn * random->Uniform();
  const auto samples = static_cast<int64_t>(wave.size());
  // A ringing counts until it is below exp(-12) = 6e-6 of its onset.
  const auto length = static_cast<int64_t>(std::ceil(12 / ringing.decay * sampling_hz));
  const double end = static_cast<double>(samples) / sampling_hz;
  // Begins before the record, so that its start is no different from the rest.
  double onset = -random->Uniform() / rate - static_cast<double>(length) / sampling_hz;
  while (onset < end) {
    const double amplitude =
        state.impact * (1 + modulation.depth * std::cos(kTurn * modulation.hz * onset + phase));
    const auto first = static_cast<int64_t>(std::ceil(onset * sampling_hz));
    const int64_t stop = std::min(first + length, samples);
    for (int64_t i = std::max<int64_t>(first, 0); i < stop; ++i) {
      const double t = static_cast<double>(i) / sampling_hz - onset;
      wave[static_cast<size_t>(i)] += static_cast<float>(amplitude * std::exp(-ringing.decay * t) *
                                                         std::sin(ringing.omega * t));
    }
    onset += std::max(0.5, 1 + kSlip * random->Normal()) / rate;
  }
}

}  // namespace

absl::string_view Name(FaultKind fault) {
  switch (fault) {
    case FaultKind::kNone:
      return "normal";
    case FaultKind::kInner:
      return "inner";
    case FaultKind::kBall:
      return "ball";
    case FaultKind::kOuter:
      return "outer";
  }
  MR_CHECK(false && "an enumerator without a case");
  return "";
}

double ImpactRate(const VibrationState& state) {
  switch (state.fault) {
    case FaultKind::kNone:
      return 0;
    case FaultKind::kInner:
      return state.orders.inner * state.shaft_hz;
    case FaultKind::kBall:
      return 2 * state.orders.ball_spin * state.shaft_hz;  // strikes both races
    case FaultKind::kOuter:
      return state.orders.outer * state.shaft_hz;
  }
  MR_CHECK(false && "an enumerator without a case");
  return 0;
}

ImpactModulation ModulationOf(const VibrationState& state) {
  if (state.fault == FaultKind::kInner) return {.depth = 0.8, .hz = state.shaft_hz};
  if (state.fault == FaultKind::kBall) {
    return {.depth = 0.6, .hz = state.orders.cage * state.shaft_hz};
  }
  return {};
}

VibrationMoments MomentsOf(const VibrationState& state) {
  double square = state.noise * state.noise;
  double fourth_cumulant = 0;  // of the noise: 0
  for (const double amplitude : {state.unbalance, state.misalignment}) {
    square += amplitude * amplitude / 2;
    fourth_cumulant -= 3.0 / 8 * std::pow(amplitude, 4);
  }
  if (const double rate = ImpactRate(state); rate > 0) {
    const Ringing ringing = RingingOf(state);
    const double m = ModulationOf(state).depth;
    // Second and fourth moment of 1 + m cos.
    const double second = 1 + m * m / 2;
    const double fourth = 1 + 3 * m * m + 3.0 / 8 * std::pow(m, 4);
    const double impacts = rate * std::pow(state.impact, 2) * second * SquareIntegral(ringing);
    square += impacts;
    fourth_cumulant +=
        rate * std::pow(state.impact, 4) * fourth * FourthIntegral(ringing) - 3 * impacts * impacts;
  }
  if (square == 0) return {};
  return {.mean_square = square, .kurtosis = 3 + fourth_cumulant / (square * square)};
}

double EnvelopeLine(const VibrationState& state) {
  const double rate = ImpactRate(state);
  if (rate == 0) return 0;
  return 2 * state.impact * rate / std::hypot(RingingOf(state).decay, kTurn * rate);
}

VibrationIndicators IndicatorsOf(const VibrationState& state) {
  const VibrationMoments moments = MomentsOf(state);
  const double tones =
      (state.unbalance * state.unbalance + state.misalignment * state.misalignment) / 2;
  return {.rms = std::sqrt(moments.mean_square),
          .kurtosis = moments.kurtosis,
          .peak = 3 * state.noise + state.unbalance + state.misalignment +
                  state.impact * (1 + ModulationOf(state).depth),
          .envelope_line = EnvelopeLine(state),
          .resonance = std::sqrt(std::max(moments.mean_square - tones, 0.0))};
}

std::vector<float> Waveform(const VibrationState& state, double sampling_hz, int samples,
                            Random* random) {
  std::vector<float> wave(static_cast<size_t>(samples));
  const double first_phase = kTurn * random->Uniform();
  const double second_phase = kTurn * random->Uniform();
  for (int i = 0; i < samples; ++i) {
    const double angle = kTurn * state.shaft_hz * i / sampling_hz;
    wave[static_cast<size_t>(i)] = static_cast<float>(
        state.unbalance * std::sin(angle + first_phase) +
        state.misalignment * std::sin(2 * angle + second_phase) + state.noise * random->Normal());
  }
  AddImpacts(state, sampling_hz, random, wave);
  return wave;
}

}  // namespace millrace
