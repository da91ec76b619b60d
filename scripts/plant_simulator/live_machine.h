// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "scripts/plant_simulator/drive.h"
#include "scripts/plant_simulator/plant.h"
#include "scripts/plant_simulator/vibration_stream.h"
#include "scripts/plant_simulator/wear.h"

namespace millrace {

/// What the sensors of a running machine say.
enum class LiveSignals {
  kConditions,  // speed, load, current, debris, and each bearing's indicators and temperature
  kWaveforms    // the acceleration at each bearing, g
};

/// Names of a machine's channels, in order: "speed_rpm", ..., "b1_vib_rms", ...
std::vector<std::string> LiveChannelNames(LiveSignals signals, int bearings);

/// A machine while it runs: its drive, the wear of its bearings, its heat. It fails, and stands
/// still from then on, when a spall has reached its size at failure. Not thread-safe.
class LiveMachine {
 public:
  struct Options {
    LiveSignals signals = LiveSignals::kConditions;
    int bearings = 1;
    double rate_hz = 10;      // of the rows
    int day = 1;              // its constants are the same on every one
    std::vector<Wear> wears;  // of this machine; bearings in 1 .. bearings
  };

  /// `plant` outlives it.
  LiveMachine(const Plant* plant, Options options, const Random& random);

  /// The next rows, [rows, channels]. Waveforms see speed, load and wear as at the first of them.
  void Next(std::span<float> rows);

  double time_s() const { return time_s_; }
  bool failed() const { return failed_; }

 private:
  struct Bearing {
    FaultKind fault = FaultKind::kNone;
    double spall = 0;
    double temperature_c = 0;
    // Constants of this one.
    double unbalance = 1;
    double misalignment = 1;
    double friction = 1;
    VibrationStream waveform;
  };

  void Step(double dt_s);
  void Read(std::span<float> row);
  void ReadBearing(const Bearing& bearing, std::span<float> channels);
  VibrationState StateOf(const Bearing& bearing) const;
  double SettledTemperature(const Bearing& bearing) const;

  const Plant* const plant_;
  const Options options_;
  Random random_;
  Drive drive_;
  std::vector<Bearing> bearings_;
  double debris_ppm_ = 2;
  double time_s_ = 0;
  bool failed_ = false;
  std::vector<float> waveform_;
};

}  // namespace millrace
