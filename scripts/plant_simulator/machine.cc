// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/machine.h"

#include <cmath>

#include "scripts/plant_simulator/wear.h"

namespace millrace {
namespace {

constexpr double kStayInRegime = 0.7;  // chance that the next cycle runs as this one did
constexpr size_t kShortestLife = 60;
constexpr size_t kLongestLife = 600;

// Spread of a machine's own constants, and of a sensor's readings.
double LogNormal(double deviation, Random* random) {
  return std::exp(deviation * random->Normal());
}

struct Machine {
  FaultKind fault = FaultKind::kNone;
  double incubation = 0;  // cycles of unit stress
  double growth = 0;      // of the spall, per cycle of unit stress
  double failure_size = 1;
  double unbalance = 1;
  double misalignment = 1;
  double friction = 1;
};

Machine DrawMachine(const Plant& plant, Random* random) {
  Machine machine;
  machine.fault = kFaults[Draw(plant.fault_shares, random)];
  machine.incubation = 75 * std::pow(-std::log(1 - random->Uniform()), 1 / 2.2);  // Weibull
  machine.growth = std::log(1 / kSpallAtOnset) / 115 * LogNormal(0.15, random);
  machine.failure_size = LogNormal(0.1, random);
  machine.unbalance = LogNormal(0.2, random);
  machine.misalignment = LogNormal(0.3, random);
  machine.friction = LogNormal(0.05, random);
  return machine;
}

// What carries over from one cycle to the next.
struct Condition {
  size_t regime = 0;
  double stress_so_far = 0;
  double spall = kSpallAtOnset;
  double temperature_c = 0;
  double debris_ppm = 2;
};

void WearOff(const Plant& plant, const Machine& machine, const Cycle& cycle, Condition& condition) {
  const double stress = Stress(cycle.speed_rpm, cycle.load_percent) / plant.rated_stress;
  condition.stress_so_far += stress;
  double grown = 0;
  if (condition.stress_so_far > machine.incubation) {
    grown = condition.spall * std::expm1(machine.growth * stress);
    condition.spall += grown;
  }
  // The filter takes 3 % of the particles in a cycle.
  condition.debris_ppm +=
      0.06 * stress + DebrisPerGrowth(machine.fault) * grown - 0.03 * condition.debris_ppm;
}

void Heat(const Plant& plant, const Machine& machine, const Cycle& cycle, Condition& condition) {
  const double power = cycle.load_percent / 100 * cycle.speed_rpm / 1500;
  const double settled = plant.ambient_c + 18 +
                         machine.friction * 28 * power * (1 + 0.25 * condition.spall) +
                         3 * condition.spall;
  condition.temperature_c += 0.5 * (settled - condition.temperature_c);
}

void Measure(const Plant& plant, const Machine& machine, const Condition& condition, Random* random,
             Cycle& cycle) {
  VibrationState state =
      VibrationAt(plant, machine.fault, condition.spall, cycle.speed_rpm, cycle.load_percent);
  state.unbalance *= machine.unbalance;
  state.misalignment *= machine.misalignment;
  const VibrationIndicators indicators = IndicatorsOf(state);
  const auto line_of = [&](FaultKind fault) {
    return 0.01 * std::abs(random->Normal()) +
           (fault == machine.fault ? indicators.envelope_line : 0);
  };
  const double load = cycle.load_percent / 100;
  cycle.channels = {indicators.rms,
                    indicators.kurtosis,
                    indicators.peak / indicators.rms,
                    line_of(FaultKind::kOuter),
                    line_of(FaultKind::kInner),
                    line_of(FaultKind::kBall),
                    state.unbalance,
                    state.misalignment,
                    20 * std::log10(indicators.resonance / 1e-3) + 0.4 * random->Normal(),
                    4 + machine.friction * 11 * load * (1 + 0.06 * condition.spall),
                    condition.temperature_c + 0.3 * random->Normal(),
                    condition.debris_ppm * LogNormal(0.12, random)};
  // A reading's own spread, by channel; 0 where it was added above.
  constexpr std::array<double, kLifeChannels> kSpread = {0.04, 0.06, 0.06, 0.08, 0.08, 0.08,
                                                         0.06, 0.06, 0,    0.01, 0,    0};
  for (size_t i = 0; i < cycle.channels.size(); ++i) {
    if (kSpread[i] > 0) cycle.channels[i] *= LogNormal(kSpread[i], random);
  }
}

std::vector<Cycle> Live(const Plant& plant, Random* random) {
  const Machine machine = DrawMachine(plant, random);
  Condition condition;
  condition.regime = Draw(plant.regime_shares, random);
  condition.temperature_c = plant.ambient_c + 30;
  std::vector<Cycle> life;
  while (condition.spall < machine.failure_size && life.size() <= kLongestLife) {
    if (random->Uniform() >= kStayInRegime) condition.regime = Draw(plant.regime_shares, random);
    const Regime& regime = kRegimeTable[condition.regime];
    Cycle& cycle = life.emplace_back();
    cycle.speed_rpm = regime.speed_rpm * (1 + 0.005 * random->Normal());
    cycle.load_percent = regime.load_percent + 1.5 * random->Normal();
    WearOff(plant, machine, cycle, condition);
    Heat(plant, machine, cycle, condition);
    Measure(plant, machine, condition, random, cycle);
  }
  return life;
}

}  // namespace

std::vector<Cycle> SimulateLife(const Plant& plant, Random* random) {
  while (true) {
    std::vector<Cycle> life = Live(plant, random);
    if (life.size() >= kShortestLife && life.size() <= kLongestLife) return life;
  }
}

}  // namespace millrace
