// SPDX-License-Identifier: Apache-2.0
// The closed forms against statistics of the waveform, and against plain numerical integration.
#include "scripts/plant_simulator/vibration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "scripts/plant_simulator/plant.h"

namespace millrace {
namespace {

constexpr double kSamplingHz = 12000;

VibrationState StateOf(FaultKind fault) {
  const Plant plant = MakePlant(0, 1);
  return VibrationAt(plant, fault, 0.6, 1500, 70);
}

// Over many records, because how the tones' phases meet the impacts' differs from one to the next.
VibrationMoments Measured(const VibrationState& state) {
  constexpr int kRecords = 100;
  constexpr int kSamples = 24000;
  Random random(11);
  double second = 0;
  double fourth = 0;
  for (int record = 0; record < kRecords; ++record) {
    for (const float x : Waveform(state, kSamplingHz, kSamples, &random)) {
      second += std::pow(x, 2) / kSamples / kRecords;
      fourth += std::pow(x, 4) / kSamples / kRecords;
    }
  }
  return {.mean_square = second, .kurtosis = fourth / (second * second)};
}

class VibrationTest : public ::testing::TestWithParam<FaultKind> {};

TEST_P(VibrationTest, ClosedFormMomentsAreThoseOfTheWaveform) {
  const VibrationState state = StateOf(GetParam());
  const VibrationMoments measured = Measured(state);
  const VibrationMoments expected = MomentsOf(state);
  EXPECT_NEAR(measured.mean_square / expected.mean_square, 1, 0.01);
  EXPECT_NEAR(measured.kurtosis / expected.kurtosis, 1, 0.02);
}

// The line of a periodic train of decaying exponentials, by a plain sum over one second.
TEST_P(VibrationTest, EnvelopeLineIsTheFourierCoefficientOfTheEnvelope) {
  const VibrationState state = StateOf(GetParam());
  const double rate = ImpactRate(state);
  if (rate == 0) {
    EXPECT_EQ(EnvelopeLine(state), 0);
    return;
  }
  const double decay = state.damping * 2 * std::numbers::pi * state.resonance_hz;
  constexpr int kSteps = 200000;
  std::complex<double> sum = 0;
  for (int i = 0; i < kSteps; ++i) {
    const double t = (i + 0.5) / kSteps / rate;
    sum += state.impact * std::exp(-decay * t) * std::polar(1.0, -2 * std::numbers::pi * rate * t);
  }
  EXPECT_NEAR(EnvelopeLine(state), 2 * std::abs(sum) / kSteps, 1e-3 * EnvelopeLine(state));
}

INSTANTIATE_TEST_SUITE_P(, VibrationTest,
                         ::testing::Values(FaultKind::kNone, FaultKind::kInner, FaultKind::kBall,
                                           FaultKind::kOuter),
                         [](const auto& info) { return std::string(Name(info.param)); });

// Amplitude of the squared waveform's spectrum at `hz`: squaring demodulates.
double SquaredLine(const std::vector<float>& wave, double hz) {
  std::complex<double> sum = 0;
  for (size_t i = 0; i < wave.size(); ++i) {
    sum += std::pow(wave[i], 2) *
           std::polar(1.0, -2 * std::numbers::pi * hz * static_cast<double>(i) / kSamplingHz);
  }
  return 2 * std::abs(sum) / static_cast<double>(wave.size());
}

TEST(VibrationSpectrumTest, AnOuterRaceFaultShowsAtBpfoAndNotBetween) {
  VibrationState state = StateOf(FaultKind::kOuter);
  state.noise = 0.02;
  Random random(4);
  const std::vector<float> wave = Waveform(state, kSamplingHz, 12000, &random);
  const double bpfo = state.orders.outer * state.shaft_hz;
  // Slip spreads the line over a few hertz.
  double peak = 0;
  double peak_hz = 0;
  for (double hz = 60; hz < 160; hz += 0.25) {
    const double line = SquaredLine(wave, hz);
    if (line > peak) {
      peak = line;
      peak_hz = hz;
    }
  }
  EXPECT_NEAR(peak_hz, bpfo, 1.0);
  EXPECT_GT(peak, 5 * SquaredLine(wave, 1.5 * bpfo));
}

TEST(VibrationSpectrumTest, UnbalanceStandsAtTheShaftsFrequency) {
  VibrationState state;
  state.shaft_hz = 25;
  state.unbalance = 0.3;
  Random random(4);
  const std::vector<float> wave = Waveform(state, kSamplingHz, 12000, &random);
  std::complex<double> sum = 0;
  for (size_t i = 0; i < wave.size(); ++i) {
    sum += static_cast<double>(wave[i]) *
           std::polar(1.0, -2 * std::numbers::pi * 25 * static_cast<double>(i) / kSamplingHz);
  }
  EXPECT_NEAR(2 * std::abs(sum) / 12000, 0.3, 1e-4);
}

}  // namespace
}  // namespace millrace
