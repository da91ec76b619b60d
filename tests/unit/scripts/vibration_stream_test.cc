// SPDX-License-Identifier: Apache-2.0
// The endless waveform has the statistics and the lines of the closed forms, wherever it is cut.
#include "scripts/plant_simulator/vibration_stream.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "scripts/plant_simulator/plant.h"

namespace millrace {
namespace {

constexpr double kStreamHz = 12000;

VibrationState StreamState(FaultKind fault) {
  return VibrationAt(MakePlant(0, 1), fault, 0.6, 1500, 70);
}

/// In pieces of many sizes.
std::vector<float> Streamed(const VibrationState& state, uint64_t seed, size_t samples) {
  VibrationStream stream(kStreamHz, Random(seed));
  std::vector<float> wave(samples);
  size_t piece = 1;
  for (size_t at = 0; at < samples; at += piece) {
    piece = std::min(piece * 3 % 1009 + 1, samples - at);
    stream.Next(state, std::span(wave).subspan(at, piece));
  }
  return wave;
}

class VibrationStreamTest : public ::testing::TestWithParam<FaultKind> {};

TEST_P(VibrationStreamTest, HasTheMomentsOfTheClosedForm) {
  const VibrationState state = StreamState(GetParam());
  double second = 0, fourth = 0;
  constexpr int kStreams = 40;
  for (int seed = 0; seed < kStreams; ++seed) {
    for (const float x : Streamed(state, seed, 48000)) {
      second += std::pow(x, 2) / 48000 / kStreams;
      fourth += std::pow(x, 4) / 48000 / kStreams;
    }
  }
  const VibrationMoments expected = MomentsOf(state);
  EXPECT_NEAR(second / expected.mean_square, 1, 0.015);
  EXPECT_NEAR(fourth / (second * second) / expected.kurtosis, 1, 0.03);
}

INSTANTIATE_TEST_SUITE_P(, VibrationStreamTest,
                         ::testing::Values(FaultKind::kNone, FaultKind::kInner, FaultKind::kBall,
                                           FaultKind::kOuter),
                         [](const auto& info) { return std::string(Name(info.param)); });

double LineAt(const std::vector<float>& wave, double hz, int power) {
  std::complex<double> sum = 0;
  for (size_t i = 0; i < wave.size(); ++i) {
    sum += std::pow(wave[i], power) *
           std::polar(1.0, -2 * std::numbers::pi * hz * static_cast<double>(i) / kStreamHz);
  }
  return 2 * std::abs(sum) / static_cast<double>(wave.size());
}

/// Where the squared waveform, which demodulates, has its strongest line in [from, to].
double StrongestHz(const std::vector<float>& wave, double from, double to) {
  double best = 0, best_hz = 0;
  for (double hz = from; hz < to; hz += 0.25) {
    const double line = LineAt(wave, hz, 2);
    if (line > best) {
      best = line;
      best_hz = hz;
    }
  }
  return best_hz;
}

TEST(VibrationStreamSpectrumTest, EachDefectShowsAtItsOwnOrderOfTheShaft) {
  for (const FaultKind fault : kFaults) {
    VibrationState state = StreamState(fault);
    state.noise = 0.02;
    state.unbalance = state.misalignment = 0;
    const std::vector<float> wave = Streamed(state, 4, 24000);
    const double line = ImpactRate(state);
    // 25 Hz is between the sidebands of the shaft, and far from the next harmonic.
    EXPECT_NEAR(StrongestHz(wave, line - 12, line + 12), line, 1.5) << Name(fault);
  }
}

TEST(VibrationStreamSpectrumTest, TheShaftsLinesStandAtOnceAndTwiceItsFrequency) {
  VibrationState state;
  state.shaft_hz = 25;
  state.unbalance = 0.3;
  state.misalignment = 0.1;
  const std::vector<float> wave = Streamed(state, 1, 12000);
  EXPECT_NEAR(LineAt(wave, 25, 1), 0.3, 1e-4);
  EXPECT_NEAR(LineAt(wave, 50, 1), 0.1, 1e-4);
  EXPECT_NEAR(LineAt(wave, 37, 1), 0, 1e-4);
}

}  // namespace
}  // namespace millrace
