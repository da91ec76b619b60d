// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/live_machine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace millrace {
namespace {

constexpr std::array<const char*, 4> kMachineChannels = {"speed_rpm", "load_percent",
                                                         "motor_current", "oil_debris_ppm"};
constexpr std::array<const char*, 12> kBearingChannels = {
    "vib_rms",       "vib_kurtosis",  "vib_crest", "vib_peak", "envelope_outer", "envelope_inner",
    "envelope_ball", "envelope_cage", "shaft_1x",  "shaft_2x", "ultrasound_db",  "temp"};

constexpr double kHeating_s = 240;     // time constant of a housing
constexpr double kFilter_s = 600;      // of the oil's filter
constexpr double kOilDebris = 2;       // ppm, of a sound machine
constexpr double kSensorNoise = 2e-3;  // g, of the accelerometer's electronics

double Spread(double deviation, Random& random) { return std::exp(deviation * random.Normal()); }

}  // namespace

std::vector<std::string> LiveChannelNames(LiveSignals signals, int bearings) {
  std::vector<std::string> names;
  if (signals == LiveSignals::kConditions) {
    names.assign(kMachineChannels.begin(), kMachineChannels.end());
  }
  for (int bearing = 1; bearing <= bearings; ++bearing) {
    if (signals == LiveSignals::kWaveforms) {
      names.push_back(absl::StrCat("b", bearing, "_vibration"));
      continue;
    }
    for (const char* name : kBearingChannels)
      names.push_back(absl::StrCat("b", bearing, "_", name));
  }
  return names;
}

LiveMachine::LiveMachine(const Plant* plant, Options options, const Random& random)
    : plant_(plant),
      options_(std::move(options)),
      random_(random.Fork(absl::StrCat("sensors ", options_.day))),
      drive_(plant, random.Fork(absl::StrCat("drive ", options_.day))) {
  Random constants = random.Fork("constants");
  for (int i = 1; i <= options_.bearings; ++i) {
    Bearing bearing{
        .unbalance = Spread(0.2, constants),
        .misalignment = Spread(0.3, constants),
        .friction = Spread(0.05, constants),
        .waveform = VibrationStream(options_.rate_hz,
                                    random.Fork(absl::StrCat("waveform ", i, " ", options_.day)))};
    bearing.temperature_c = SettledTemperature(bearing);
    bearings_.push_back(std::move(bearing));
  }
}

double LiveMachine::SettledTemperature(const Bearing& bearing) const {
  const double power = drive_.load_percent() / 100 * drive_.speed_rpm() / 1500;
  const double turning = drive_.speed_rpm() / 1500;
  return plant_->ambient_c + 18 * turning +
         bearing.friction * 28 * power * (1 + 0.25 * bearing.spall) +
         30 * turning * bearing.spall * bearing.spall;
}

void LiveMachine::Step(double dt_s) {
  time_s_ += dt_s;
  drive_.Step(dt_s);
  if (!failed_) {
    for (const Wear& wear : options_.wears) {
      Bearing& bearing = bearings_[wear.bearing - 1];
      const double spall = SpallAt(wear, time_s_);
      if (spall == 0) continue;
      const double before = std::max(bearing.spall, kSpallAtOnset);
      debris_ppm_ += DebrisPerGrowth(wear.fault) * std::max(0.0, spall - before);
      bearing.fault = wear.fault;
      bearing.spall = spall;
      failed_ = failed_ || spall >= 1;
    }
    if (failed_) drive_.Trip();
  }
  for (Bearing& bearing : bearings_) {
    bearing.temperature_c +=
        (1 - std::exp(-dt_s / kHeating_s)) * (SettledTemperature(bearing) - bearing.temperature_c);
  }
  debris_ppm_ += (1 - std::exp(-dt_s / kFilter_s)) * (kOilDebris - debris_ppm_);
}

VibrationState LiveMachine::StateOf(const Bearing& bearing) const {
  VibrationState state =
      VibrationAt(*plant_, bearing.fault, bearing.spall, drive_.speed_rpm(), drive_.load_percent());
  state.unbalance *= bearing.unbalance;
  state.misalignment *= bearing.misalignment;
  state.noise = std::hypot(state.noise, kSensorNoise);
  return state;
}

void LiveMachine::ReadBearing(const Bearing& bearing, std::span<float> channels) {
  const VibrationState state = StateOf(bearing);
  const VibrationIndicators indicators = IndicatorsOf(state);
  const auto line = [&](bool there, double height) {
    return 0.01 * std::abs(random_.Normal()) + (there ? height * Spread(0.08, random_) : 0.0);
  };
  const FaultKind fault = bearing.fault;
  const std::array<double, kBearingChannels.size()> values = {
      indicators.rms * Spread(0.04, random_), indicators.kurtosis * Spread(0.06, random_),
      indicators.peak / indicators.rms * Spread(0.06, random_),
      indicators.peak * Spread(0.06, random_),
      line(fault == FaultKind::kOuter, indicators.envelope_line),
      line(fault == FaultKind::kInner, indicators.envelope_line),
      line(fault == FaultKind::kBall, indicators.envelope_line),
      // A defect that goes round with the cage is a sideband of half its modulation's depth.
      line(fault == FaultKind::kBall, indicators.envelope_line * ModulationOf(state).depth / 2),
      state.unbalance * Spread(0.06, random_), state.misalignment * Spread(0.06, random_),
      20 * std::log10(indicators.resonance / 1e-3) + 0.4 * random_.Normal(),
      bearing.temperature_c + 0.3 * random_.Normal()};
  std::ranges::transform(values, channels.begin(), [](double x) { return static_cast<float>(x); });
}

void LiveMachine::Read(std::span<float> row) {
  double spall = 0;
  for (const Bearing& bearing : bearings_) spall += bearing.spall;
  const double load = drive_.load_percent() / 100;
  const double idle = drive_.speed_rpm() / 1500;
  row[0] = static_cast<float>(drive_.speed_rpm() + 0.5 * random_.Normal());
  row[1] = static_cast<float>(drive_.load_percent() + 0.3 * random_.Normal());
  row[2] = static_cast<float>((4 * idle + 11 * load * (1 + 0.06 * spall)) * Spread(0.01, random_));
  row[3] = static_cast<float>(debris_ppm_ * Spread(0.05, random_));
  size_t at = kMachineChannels.size();
  for (const Bearing& bearing : bearings_) {
    ReadBearing(bearing, row.subspan(at, kBearingChannels.size()));
    at += kBearingChannels.size();
  }
}

void LiveMachine::Next(std::span<float> rows) {
  const double dt_s = 1 / options_.rate_hz;
  if (options_.signals == LiveSignals::kConditions) {
    const size_t width = kMachineChannels.size() + bearings_.size() * kBearingChannels.size();
    MR_CHECK(rows.size() % width == 0);
    for (size_t at = 0; at < rows.size(); at += width) {
      Step(dt_s);
      Read(rows.subspan(at, width));
    }
    return;
  }
  MR_CHECK(rows.size() % bearings_.size() == 0);
  const size_t count = rows.size() / bearings_.size();
  Step(dt_s * static_cast<double>(count));
  waveform_.resize(count);
  for (size_t b = 0; b < bearings_.size(); ++b) {
    bearings_[b].waveform.Next(StateOf(bearings_[b]), waveform_);
    for (size_t row = 0; row < count; ++row) rows[row * bearings_.size() + b] = waveform_[row];
  }
}

}  // namespace millrace
