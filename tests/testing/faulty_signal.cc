// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/faulty_signal.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/random.h"
#include "client/quality/channel_validator.h"

namespace millrace::testing {
namespace {

constexpr int64_t kSteps = 36'000;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// A signal in the making; faults are put in from the left to the right.
class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {
    for (int64_t step = 0; step < kSteps; ++step) {
      const double phase = 2 * std::numbers::pi * static_cast<double>(step) * kSignalPeriod / 1200;
      truth_.push_back(20 + 0.5 * std::sin(phase));
      noise_.push_back(kSignalNoise * random_.Normal());
      signal_.reference.push_back(static_cast<float>(truth_.back() + 0.05 * random_.Normal()));
    }
  }

  double Between(double low, double high) { return low + (high - low) * random_.Uniform(); }
  double Either(double size) { return random_.Below(2) == 0 ? size : -size; }

  /// Calls `put(begin, end)` for faults of min_length to max_length steps, some `spacing` apart.
  template <typename Put>
  void Scatter(int64_t spacing, int64_t min_length, int64_t max_length, int64_t memory, Put put) {
    int64_t begin = spacing / 2 + static_cast<int64_t>(random_.Below(spacing));
    while (begin + max_length + memory < kSteps) {
      const auto extra = static_cast<int64_t>(random_.Below(max_length - min_length + 1));
      const int64_t end = begin + min_length + extra;
      put(begin, end);
      signal_.faults.push_back({begin, end, end + memory});
      begin = end + memory + spacing / 2 + static_cast<int64_t>(random_.Below(spacing));
    }
  }

  void Scale(int64_t begin, int64_t end, double factor) {
    for (int64_t step = begin; step < end; ++step) noise_[step] *= factor;
  }
  void Shift(int64_t begin, int64_t end, double size) {
    for (int64_t step = begin; step < end; ++step) truth_[step] += size;
  }
  /// Instead of what the channel says.
  void Say(int64_t begin, int64_t end, float value) {
    Values();
    std::fill(signal_.values.begin() + begin, signal_.values.begin() + end, value);
  }
  float ValueAt(int64_t step) { return Values()[step]; }
  void AddFault(FaultyPart part) { signal_.faults.push_back(part); }

  FaultySignal Take() {
    Values();
    return std::move(signal_);
  }

 private:
  std::vector<float>& Values() {
    for (auto step = static_cast<int64_t>(signal_.values.size()); step < kSteps; ++step) {
      signal_.values.push_back(static_cast<float>(truth_[step] + noise_[step]));
    }
    return signal_.values;
  }

  Random random_;
  std::vector<double> truth_, noise_;
  FaultySignal signal_;
};

/// The sensor's calibration drifts for ten minutes and stays off.
void DriftOffReference(Maker& maker) {
  const auto begin = static_cast<int64_t>(maker.Between(12'000, 18'000));
  const double size = maker.Either(maker.Between(0.3, 1));
  constexpr int64_t kRamp = 6000;
  for (int64_t step = begin; step < kSteps; ++step) {
    maker.Shift(step, step + 1, size * std::min(1.0, static_cast<double>(step - begin) / kRamp));
  }
  maker.AddFault({begin, kSteps, kSteps});
}

void PutFaults(Rule rule, Maker& maker) {
  switch (rule) {
    case Rule::kNone:
      return;
    case Rule::kMissing:
      return maker.Scatter(300, 1, 50, 0, [&](int64_t a, int64_t b) { maker.Say(a, b, kNan); });
    case Rule::kNotFinite:
      return maker.Scatter(300, 1, 3, 0, [&](int64_t a, int64_t b) {
        maker.Say(a, b, static_cast<float>(maker.Either(std::numeric_limits<double>::infinity())));
      });
    case Rule::kRange:
      return maker.Scatter(300, 1, 20, 0, [&](int64_t a, int64_t b) {
        const double size = std::pow(10.0, maker.Between(2, 38));
        maker.Say(a, b, static_cast<float>(maker.Either(size)));
      });
    case Rule::kSpan:
      return maker.Scatter(600, 5, 100, 0, [&](int64_t a, int64_t b) {
        maker.Shift(a, b, maker.Either(maker.Between(3, 9)));
      });
    case Rule::kStuck:
      return maker.Scatter(600, 10, 300, 0,
                           [&](int64_t a, int64_t b) { maker.Say(a, b, maker.ValueAt(a - 1)); });
    case Rule::kRateOfChange: {
      double level = 0;
      return maker.Scatter(600, 1, 1, 0, [&](int64_t a, int64_t) {
        const double size = maker.Between(0.8, 2.5);
        const double step = level > 0 ? -size : size;
        maker.Shift(a, kSteps, step);
        level += step;
      });
    }
    case Rule::kSpike:
      return maker.Scatter(200, 1, 1, 0, [&](int64_t a, int64_t b) {
        maker.Shift(a, b, maker.Either(maker.Between(0.6, 2.5)));
      });
    case Rule::kNoiseLow:
      return maker.Scatter(4000, 300, 900, 700, [&](int64_t a, int64_t b) {
        maker.Scale(a, b, maker.Between(0, 0.45));
      });
    case Rule::kNoiseHigh:
      return maker.Scatter(4000, 300, 900, 700,
                           [&](int64_t a, int64_t b) { maker.Scale(a, b, maker.Between(2.2, 6)); });
    case Rule::kReference:
      return DriftOffReference(maker);
  }
}

}  // namespace

ChannelRules SignalRules() {
  ChannelRules rules;
  rules.min = -40;
  rules.max = 80;
  rules.suspect_min = 17;
  rules.suspect_max = 23;
  rules.stuck_tolerance = 1e-4;
  rules.stuck_suspect_s = 2;
  rules.stuck_fail_s = 10;
  rules.rate_of_change = 6 * std::numbers::sqrt2 * kSignalNoise / kSignalPeriod;
  rules.spike = 6 * std::sqrt(1.5) * kSignalNoise;
  rules.spike_fail = 20;
  rules.noise_min = kSignalNoise / 2;
  rules.noise_max = kSignalNoise * 2;
  rules.noise_s = 10;
  rules.reference = "twin";
  rules.reference_offset = 0.2;
  rules.reference_s = 300;
  return rules;
}

FaultySignal MakeFaultySignal(Rule rule, uint64_t seed) {
  Maker maker(seed);
  PutFaults(rule, maker);
  return maker.Take();
}

std::vector<Verdict> JudgeSignal(const ChannelRules& rules, double period_s,
                                 const std::vector<float>& values,
                                 const std::vector<float>& reference) {
  ChannelValidator validator(rules, period_s);
  std::vector<Verdict> verdicts;
  for (size_t step = 0; step < values.size(); ++step) {
    const auto judged =
        validator.Push(values[step], step < reference.size() ? reference[step] : kNan);
    if (judged.before) verdicts.back() = *judged.before;
    verdicts.push_back(judged.value);
  }
  return verdicts;
}

RuleScore ScoreRule(Rule rule, int signals, uint64_t seed) {
  RuleScore score;
  for (int i = 0; i < signals; ++i) {
    const FaultySignal signal = MakeFaultySignal(rule, seed + i);
    const std::vector<Verdict> verdicts =
        JudgeSignal(SignalRules(), kSignalPeriod, signal.values, signal.reference);
    const auto spoke = [&](int64_t step) { return verdicts[step].rule == rule; };
    score.spoken += std::ranges::count_if(verdicts, [&](Verdict v) { return v.rule == rule; });
    for (const FaultyPart& fault : signal.faults) {
      bool found = false;
      for (int64_t step = fault.begin; step < std::min(fault.forgotten, kSteps); ++step) {
        if (!spoke(step)) continue;
        ++score.spoken_right;
        found = found || step < fault.end;
      }
      ++score.faults;
      score.found += found ? 1 : 0;
    }
  }
  return score;
}

}  // namespace millrace::testing
