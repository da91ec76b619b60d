// SPDX-License-Identifier: Apache-2.0
#include "client/inference/threshold.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "base/random.h"
#include "client/inference/generalized_pareto.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;

std::vector<float> Draw(int64_t n, uint64_t seed, const std::function<double(Random&)>& one) {
  Random random(seed);
  std::vector<float> scores;
  for (int64_t i = 0; i < n; ++i) scores.push_back(static_cast<float>(one(random)));
  return scores;
}

double Exponential(Random& random) { return -std::log1p(-random.Uniform()); }
double Normal(Random& random) { return random.Normal(); }
/// Tail index 4: shape 1/4.
double HeavyTailed(Random& random) { return std::pow(1 - random.Uniform(), -0.25); }

TEST(GeneralizedPareto, TailAndQuantileAreEachOthersInverse) {
  for (const double shape : {-0.3, 0.0, 0.4}) {
    const GeneralizedPareto pareto{shape, 2};
    EXPECT_DOUBLE_EQ(pareto.Tail(0), 1);
    for (const double probability : {0.9, 0.1, 1e-5}) {
      EXPECT_NEAR(pareto.Tail(pareto.Quantile(probability)) / probability, 1, 1e-9);
    }
  }
  EXPECT_EQ((GeneralizedPareto{-0.5, 1}.Tail(2)), 0) << "the end of the range";
  EXPECT_NEAR((GeneralizedPareto{1, 1}.Tail(1)), 0.5, 1e-12) << "1 / (1 + x)";
}

// The asymptotic deviations of maximum likelihood: shape (1 + shape) / sqrt(n), scale
// scale * sqrt(2 (1 + shape) / n).
TEST(GeneralizedPareto, KnownParametersAreRecovered) {
  constexpr int kExcesses = 1000;
  constexpr int kRuns = 100;
  for (const double shape : {-0.3, -0.1, 0.0, 0.2, 0.4}) {
    const GeneralizedPareto truth{shape, 3};
    double shapes = 0;
    double scales = 0;
    double off = 0;
    for (int run = 0; run < kRuns; ++run) {
      Random random(run + 1);
      std::vector<double> excesses;
      for (int i = 0; i < kExcesses; ++i) excesses.push_back(truth.Quantile(1 - random.Uniform()));
      std::sort(excesses.begin(), excesses.end());
      const auto fit = FitGeneralizedPareto(excesses);
      ASSERT_TRUE(fit.has_value());
      shapes += fit->shape / kRuns;
      scales += fit->scale / kRuns;
      off += (fit->shape - shape) * (fit->shape - shape) / kRuns;
    }
    const double deviation = (1 + shape) / std::sqrt(kExcesses);
    EXPECT_NEAR(shapes, shape, 0.015) << shape;
    EXPECT_NEAR(scales, 3, 0.06) << shape;
    EXPECT_NEAR(std::sqrt(off) / deviation, 1, 0.25) << shape;
  }
}

TEST(GeneralizedPareto, NothingFitsFewOrEqualExcesses) {
  EXPECT_EQ(FitGeneralizedPareto(std::vector<double>{1, 2, 3, 4}), std::nullopt);
  EXPECT_EQ(FitGeneralizedPareto(std::vector<double>(100, 2)), std::nullopt);
}

TEST(Threshold, QuantileIsTheOrderStatistic) {
  std::vector<float> scores;
  for (int i = 1; i <= 999; ++i) scores.push_back(static_cast<float>(i));
  MR_ASSERT_OK_AND_ASSIGN(const ThresholdFit fit, FitThreshold(scores, 0.2));
  EXPECT_EQ(fit.method, ThresholdMethod::kEmpiricalQuantile);
  EXPECT_EQ(fit.value, 800) << "199 lie above it; it is itself the 200th of 1,000 parts";
  EXPECT_EQ(fit.why_not_peaks, "");
}

struct Case {
  const char* name;
  double (*draw)(Random&);
  double (*tail)(double);  // the chance of a score beyond
  int64_t scores;
  double rate;
};

// Of other scores from the same distribution, averaged over calibrations.
TEST(Threshold, AlarmsComeAtTheWantedRate) {
  const auto exponential = [](double x) { return std::exp(-x); };
  const auto normal = [](double x) { return std::erfc(x / std::numbers::sqrt2) / 2; };
  const auto heavy = [](double x) { return std::pow(x, -4); };
  const Case cases[] = {{"exponential", Exponential, exponential, 10'000, 1e-3},
                        {"exponential", Exponential, exponential, 10'000, 1e-4},
                        {"exponential", Exponential, exponential, 20'000, 1e-2},
                        {"normal", Normal, normal, 10'000, 1e-3},
                        {"normal", Normal, normal, 10'000, 1e-4},
                        {"normal", Normal, normal, 3'000, 1e-3},
                        {"heavy tail", HeavyTailed, heavy, 10'000, 1e-3},
                        {"heavy tail", HeavyTailed, heavy, 10'000, 1e-4}};
  for (const Case& c : cases) {
    double alarms = 0;
    constexpr int kRuns = 20;
    for (int run = 0; run < kRuns; ++run) {
      MR_ASSERT_OK_AND_ASSIGN(const ThresholdFit fit,
                              FitThreshold(Draw(c.scores, run + 1, c.draw), c.rate));
      alarms += c.tail(fit.value) / kRuns;
    }
    EXPECT_GT(alarms / c.rate, 0.6) << c.name << " " << c.rate;
    EXPECT_LT(alarms / c.rate, 1.7) << c.name << " " << c.rate;
  }
}

TEST(Threshold, PeaksReachBeyondWhatWasSeen) {
  MR_ASSERT_OK_AND_ASSIGN(const ThresholdFit fit, FitThreshold(Draw(5000, 3, Exponential), 1e-5));
  EXPECT_EQ(fit.method, ThresholdMethod::kPeaksOverThreshold);
  EXPECT_EQ(fit.peaks, 100);
  EXPECT_NEAR(fit.shape, 0, 0.25);
  EXPECT_NEAR(fit.value, 11.5, 3) << "-ln(1e-5)";
}

TEST(Threshold, TooHeavyATailFallsBackToTheQuantileAndSaysSo) {
  const auto cauchy = Draw(20'000, 4, [](Random& random) { return 1 / (1 - random.Uniform()); });
  MR_ASSERT_OK_AND_ASSIGN(const ThresholdFit fit, FitThreshold(cauchy, 1e-3));
  EXPECT_EQ(fit.method, ThresholdMethod::kEmpiricalQuantile);
  EXPECT_THAT(fit.why_not_peaks, HasSubstr("shape"));
  EXPECT_NEAR(fit.value / 1000, 1, 0.5);
  EXPECT_THAT(FitThreshold(cauchy, 1e-4).status(),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("shape")));
}

TEST(Threshold, TailThatIsNotSmoothIsNotExtrapolated) {
  const auto steps = Draw(10'000, 5, [](Random& random) {
    return std::floor(random.Uniform() * 3) + (random.Uniform() < 0.01 ? 50 : 0) +
           1e-3 * random.Uniform();
  });
  const auto fit = FitThreshold(steps, 1e-3);
  ASSERT_TRUE(fit.ok());
  EXPECT_EQ(fit->method, ThresholdMethod::kEmpiricalQuantile) << fit->shape;
}

TEST(Threshold, TooFewScoresAreRefusedWithHowManyItNeeds) {
  EXPECT_THAT(FitThreshold(Draw(2000, 6, Normal), 1e-3).status(),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("needs 10000")));
  EXPECT_THAT(FitThreshold(Draw(2000, 6, Normal), 1e-3).status(),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("40 peaks, needs 50")));
  EXPECT_THAT(FitThreshold(Draw(5000, 6, Normal), 1e-6).status(),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("say nothing")));
  for (const size_t n : {0, 1, 10, 49}) {
    EXPECT_THAT(FitThreshold(std::vector<float>(n, 1), 1e-3).status(),
                IsStatus(absl::StatusCode::kFailedPrecondition, ::testing::_));
  }
}

TEST(Threshold, WhatIsNoScoreOrNoRateIsRefused) {
  std::vector<float> scores = Draw(20'000, 7, Normal);
  for (const double rate : {0.0, -1.0, 0.6, std::nan("")}) {
    EXPECT_THAT(FitThreshold(scores, rate).status(),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("rate of false alarms")));
  }
  scores[5] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(FitThreshold(scores, 1e-3).status(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("not finite")));
  EXPECT_THAT(FitThreshold(std::vector<float>(20'000, 2), 1e-3).status(),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("do not vary")));
}

}  // namespace
}  // namespace millrace
