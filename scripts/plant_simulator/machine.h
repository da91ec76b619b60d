// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/random.h"
#include "scripts/plant_simulator/plant.h"

namespace millrace {

inline constexpr int kLifeChannels = 12;

/// Column names of the channels in a life table, in order.
inline constexpr std::array<absl::string_view, kLifeChannels> kLifeChannelNames = {
    "vib_rms",          // g
    "vib_kurtosis",     // 1
    "vib_crest",        // 1, peak over rms
    "envelope_outer",   // g, line of the envelope spectrum at BPFO
    "envelope_inner",   // g, at BPFI
    "envelope_ball",    // g, at twice BSF
    "shaft_1x",         // g
    "shaft_2x",         // g
    "ultrasound_db",    // dB over 1 mg, around the housing's resonance
    "motor_current",    // A
    "bearing_temp",     // degrees Celsius
    "oil_debris_ppm"};  // parts per million

/// One working cycle (an hour, say) as the site's historian keeps it.
struct Cycle {
  double speed_rpm = 0;
  double load_percent = 0;
  std::array<double, kLifeChannels> channels{};
};

/// A machine's life, from new to failure: between 60 and 600 cycles, mostly 130 to 260.
///
/// Nothing grows until the raceway's fatigue life is used up (Weibull distributed, in cycles of
/// unit stress); then a spall grows in proportion to its size and the stress of the regime, and
/// the machine fails when it reaches a size that differs from machine to machine. Unit stress is
/// the plant's mean.
std::vector<Cycle> SimulateLife(const Plant& plant, Random* random);

}  // namespace millrace
