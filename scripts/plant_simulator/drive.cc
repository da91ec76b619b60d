// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/drive.h"

#include <algorithm>
#include <cmath>

namespace millrace {
namespace {

constexpr double kMeanStay_s = 60;
constexpr double kSpeedRamp = 60;  // rpm per second
constexpr double kLoadRamp = 8;    // percent per second
// A controller's hunting: an Ornstein-Uhlenbeck process.
constexpr double kHunting = 0.003;  // its deviation
constexpr double kHunting_s = 2;    // its time constant

double Toward(double value, double goal, double most) {
  return value + std::clamp(goal - value, -most, most);
}

}  // namespace

Drive::Drive(const Plant* plant, Random random) : plant_(plant), random_(random) {
  wanted_ = kRegimeTable[Draw(plant_->regime_shares, &random_)];
  left_s_ = -kMeanStay_s * std::log(1 - random_.Uniform());
  speed_rpm_ = wanted_.speed_rpm;
  load_percent_ = wanted_.load_percent;
}

void Drive::Step(double dt_s) {
  left_s_ -= dt_s;
  if (left_s_ <= 0) {
    wanted_ = kRegimeTable[Draw(plant_->regime_shares, &random_)];
    left_s_ = -kMeanStay_s * std::log(1 - random_.Uniform());
  }
  const Regime goal = tripped_ ? Regime{0, 0} : wanted_;
  const double kept = std::exp(-dt_s / kHunting_s);
  const double steady = speed_rpm_ / (1 + hunting_);
  hunting_ = kept * hunting_ + std::sqrt(1 - kept * kept) * kHunting * random_.Normal();
  speed_rpm_ = Toward(steady, goal.speed_rpm, kSpeedRamp * dt_s) * (1 + hunting_);
  load_percent_ = Toward(load_percent_, goal.load_percent, kLoadRamp * dt_s);
}

}  // namespace millrace
