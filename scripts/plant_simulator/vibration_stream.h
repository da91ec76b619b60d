// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <complex>
#include <span>

#include "base/random.h"
#include "scripts/plant_simulator/vibration.h"

namespace millrace {

/// A waveform as Waveform's, without an end, while the machine's state changes. Not thread-safe.
class VibrationStream {
 public:
  VibrationStream(double sampling_hz, Random random);

  /// The next samples, in which the state stays.
  void Next(const VibrationState& state, std::span<float> samples);

 private:
  const double period_s_;
  Random random_;
  // Phases, in turns.
  double shaft_ = 0;
  double misalignment_ = 0;
  double modulation_ = 0;
  double to_next_impact_ = 0;  // of the mean interval
  std::complex<double> ringing_;
};

}  // namespace millrace
