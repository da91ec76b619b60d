// SPDX-License-Identifier: Apache-2.0
// What validation finds of faults, how soon drift is found in streams of 36,000 seconds, beside
// theory, and how near thresholds come to the wanted rate of alarms. One JSON line per measurement;
// the same numbers on every machine, but for the times.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "client/drift/adwin.h"
#include "client/drift/cusum.h"
#include "client/drift/drift_monitor.h"
#include "client/drift/page_hinkley.h"
#include "client/inference/threshold.h"
#include "client/quality/channel_validator.h"
#include "tests/testing/faulty_signal.h"

namespace millrace {
namespace {

constexpr int kSeconds = 36'000;  // of a stream
constexpr int kShiftAt = 18'000;
constexpr int kStreams = 200;

void Print(const nlohmann::ordered_json& line) {
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

double Rounded(double value) { return std::round(value * 1e4) / 1e4; }

void BenchRules() {
  for (const Rule rule :
       {Rule::kMissing, Rule::kNotFinite, Rule::kRange, Rule::kSpan, Rule::kStuck,
        Rule::kRateOfChange, Rule::kSpike, Rule::kNoiseLow, Rule::kNoiseHigh, Rule::kReference}) {
    const testing::RuleScore score = testing::ScoreRule(rule, 50, 1000);
    Print({{"bench", "rules"},
           {"rule", NameOf(rule)},
           {"faults", score.faults},
           {"recall", Rounded(score.recall())},
           {"precision", Rounded(score.precision())}});
  }
}

void BenchCost() {
  const testing::FaultySignal signal = testing::MakeFaultySignal(Rule::kSpike, 1);
  const auto begin = std::chrono::steady_clock::now();
  constexpr int kPasses = 100;
  ChannelValidator validator(testing::SignalRules(), testing::kSignalPeriod);
  int64_t flagged = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    for (size_t i = 0; i < signal.values.size(); ++i) {
      flagged += validator.Push(signal.values[i], signal.reference[i]).before ? 1 : 0;
    }
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  Print({{"bench", "validation_cost"},
         {"revised", flagged},
         {"ns_per_sample", Rounded(seconds * 1e9 / kPasses / static_cast<double>(kSeconds))}});
}

struct Outcome {
  int64_t false_alarms = 0;  // before the shift
  std::vector<double> delays;
};

/// `make()` gives a detector of one stream: called with each value, true for an alarm.
template <typename Make>
Outcome Watch(double shift, Make make) {
  Outcome outcome;
  for (int stream = 0; stream < kStreams; ++stream) {
    Random random(stream + 1);
    auto detector = make();
    bool was = false;
    for (int second = 0; second < kSeconds; ++second) {
      const bool shifted = second >= kShiftAt;
      const bool alarm = detector(random.Normal() + (shifted ? shift : 0));
      if (!shifted && alarm && !was) ++outcome.false_alarms;
      was = alarm;
      if (shifted && alarm) {
        outcome.delays.push_back(second - kShiftAt + 1);
        break;
      }
    }
  }
  return outcome;
}

void Report(const char* detector, double shift, Outcome outcome, double theory) {
  auto& delays = outcome.delays;
  std::sort(delays.begin(), delays.end());
  double mean = 0;
  for (const double delay : delays) mean += delay / static_cast<double>(delays.size());
  nlohmann::ordered_json line = {
      {"bench", "drift"},
      {"detector", detector},
      {"shift", shift},
      {"streams", kStreams},
      {"false_alarms", outcome.false_alarms},
      {"found", delays.size()},
      {"delay_s", Rounded(mean)},
      {"delay_p95_s", delays.empty() ? 0 : delays[delays.size() * 95 / 100]}};
  if (theory > 0) line["theory_s"] = Rounded(theory);
  Print(line);
}

/// The state of a channel's monitor whose mean the value is.
auto Monitor(DriftState state) {
  return [monitor = DriftMonitor({}), state](double value) mutable {
    return monitor.Add(0, {50 + 2 * value, std::numeric_limits<double>::quiet_NaN()}) >= state;
  };
}

void BenchDrift() {
  for (const double shift : {0.5, 0.75, 1.0, 1.5, 2.0}) {
    const PageHinkley::Parameters page_hinkley;
    Report("cusum", shift,
           Watch(shift,
                 [] {
                   return [cusum = Cusum({})](double value) mutable {
                     return cusum.Add(value) != Shift::kNone;
                   };
                 }),
           CusumRunLength({}, shift));
    Report("page_hinkley", shift,
           Watch(shift,
                 [&] {
                   return [detector = PageHinkley(page_hinkley)](double value) mutable {
                     return detector.Add(value);
                   };
                 }),
           page_hinkley.lambda / (shift - page_hinkley.delta));
    Report("adwin", shift,
           Watch(shift,
                 [] {
                   return [adwin = Adwin({})](double value) mutable { return adwin.Add(value); };
                 }),
           0);
    Report("monitor_suspected", shift, Watch(shift, [] { return Monitor(DriftState::kSuspected); }),
           0);
    Report("monitor_confirmed", shift, Watch(shift, [] { return Monitor(DriftState::kConfirmed); }),
           0);
  }
}

/// Smaller limits, whose false alarms can be waited for.
void BenchFalseAlarms() {
  for (const double h : {4.0, 5.0, 6.0, 8.0}) {
    int64_t alarms = 0;
    constexpr int kMany = 1000;
    for (int stream = 0; stream < kMany; ++stream) {
      Random random(stream + 1);
      Cusum cusum({.k = 0.5, .h = h});
      for (int second = 0; second < kSeconds; ++second) {
        if (cusum.Add(random.Normal()) == Shift::kNone) continue;
        ++alarms;
        cusum.Reset();
      }
    }
    Print({{"bench", "false_alarms"},
           {"h", h},
           {"run_length",
            Rounded(static_cast<double>(kMany) * kSeconds / static_cast<double>(alarms))},
           {"theory", Rounded(CusumRunLength({.k = 0.5, .h = h}, 0))}});
  }
}

/// What share of a million other scores exceed the threshold, of what was wanted, over
/// calibrations.
void BenchThresholds() {
  const std::map<std::string, double (*)(Random&)> kinds = {
      {"normal", [](Random& random) { return random.Normal(); }},
      {"exponential", [](Random& random) { return -std::log1p(-random.Uniform()); }},
      {"heavy_tail", [](Random& random) { return std::pow(1 - random.Uniform(), -0.25); }}};
  constexpr int kCalibrations = 100;
  for (const auto& [kind, draw] : kinds) {
    Random others_random(99);
    std::vector<float> others(1'000'000);
    for (float& score : others) score = static_cast<float>(draw(others_random));
    std::sort(others.begin(), others.end());
    for (const auto& [count, rate] :
         {std::pair(3'600, 1e-3), std::pair(10'000, 1e-3), std::pair(10'000, 1e-4)}) {
      std::vector<double> ratios;
      int peaks = 0;
      for (int i = 0; i < kCalibrations; ++i) {
        Random random(i + 1);
        std::vector<float> scores(count);
        for (float& score : scores) score = static_cast<float>(draw(random));
        const absl::StatusOr<ThresholdFit> fit = FitThreshold(scores, rate);
        if (!fit.ok()) continue;
        peaks += fit->method == ThresholdMethod::kPeaksOverThreshold ? 1 : 0;
        const auto limit = static_cast<float>(fit->value);
        const auto above = others.end() - std::upper_bound(others.begin(), others.end(), limit);
        ratios.push_back(static_cast<double>(above) / 1e6 / rate);
      }
      std::sort(ratios.begin(), ratios.end());
      Print({{"bench", "threshold"},
             {"scores", kind},
             {"calibrated_with", count},
             {"rate", rate},
             {"fitted", ratios.size()},
             {"by_peaks", peaks},
             {"median_of_wanted", Rounded(ratios[ratios.size() / 2])},
             {"p5", Rounded(ratios[ratios.size() / 20])},
             {"p95", Rounded(ratios[ratios.size() * 19 / 20])}});
    }
  }
}

}  // namespace
}  // namespace millrace

int main() {
  millrace::BenchThresholds();
  millrace::BenchRules();
  millrace::BenchCost();
  millrace::BenchFalseAlarms();
  millrace::BenchDrift();
  return 0;
}
