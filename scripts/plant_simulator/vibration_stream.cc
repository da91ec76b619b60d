// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/vibration_stream.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace millrace {
namespace {

constexpr double kRadians = 2 * std::numbers::pi;  // of a turn

double Wrapped(double turns) { return turns - std::floor(turns); }

}  // namespace

VibrationStream::VibrationStream(double sampling_hz, Random random)
    : period_s_(1 / sampling_hz), random_(random) {
  shaft_ = random_.Uniform();
  misalignment_ = random_.Uniform();
  modulation_ = random_.Uniform();
  to_next_impact_ = random_.Uniform();
}

void VibrationStream::Next(const VibrationState& state, std::span<float> samples) {
  const double natural = kRadians * state.resonance_hz;
  // The ringing is the imaginary part of a number that turns and fades.
  const std::complex<double> pole(-state.damping * natural,
                                  natural * std::sqrt(1 - state.damping * state.damping));
  const std::complex<double> step = std::exp(pole * period_s_);
  const double impacts_per_sample = ImpactRate(state) * period_s_;
  const ImpactModulation modulation = ModulationOf(state);
  for (float& sample : samples) {
    shaft_ = Wrapped(shaft_ + state.shaft_hz * period_s_);
    modulation_ = Wrapped(modulation_ + modulation.hz * period_s_);
    ringing_ *= step;
    to_next_impact_ -= impacts_per_sample;
    while (impacts_per_sample > 0 && to_next_impact_ <= 0) {
      const double since_s = -to_next_impact_ / impacts_per_sample * period_s_;
      const double amplitude =
          state.impact * (1 + modulation.depth * std::cos(kRadians * modulation_));
      ringing_ += amplitude * std::exp(pole * since_s);
      to_next_impact_ += std::max(0.5, 1 + kSlip * random_.Normal());
    }
    sample =
        static_cast<float>(state.unbalance * std::sin(kRadians * shaft_) +
                           state.misalignment * std::sin(kRadians * (2 * shaft_ + misalignment_)) +
                           state.noise * random_.Normal() + ringing_.imag());
  }
}

}  // namespace millrace
