// SPDX-License-Identifier: Apache-2.0
// Whether there is something to learn in the simulated lives, and something that no plant sees
// enough of by itself. The learner is a layer of random features under a linear fit (an "extreme
// learning machine"): weaker than the networks of the catalogue, but solved exactly, so that what
// it tells is about the data.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "models/metrics.h"
#include "models/scaling.h"
#include "scripts/plant_simulator/plant_set.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/scripts/linear_fit.h"
#include "tests/unit/scripts/site_files.h"

namespace millrace {
namespace {

constexpr int kPlants = 4;
constexpr int64_t kWindow = 15;
constexpr size_t kInputs = 2 * kLifeChannels;
constexpr size_t kHidden = 160;
constexpr double kRidge = 1e-3;

// A constant, the inputs themselves, and tanh of random mixtures of them.
class RandomFeatures {
 public:
  static constexpr size_t kCount = 1 + kInputs + kHidden;

  RandomFeatures() : weights_(kHidden * (kInputs + 1)) {
    Random random(1);
    for (double& weight : weights_) weight = random.Normal() / std::sqrt(kInputs);
  }

  // Of the window of `life` that ends at `end`: each channel's mean over all of it and over its
  // last third.
  std::vector<double> Of(const Series& life, int64_t end) const {
    std::vector<double> features(kCount);
    features[0] = 1;
    for (int64_t step = end - kWindow + 1; step <= end; ++step) {
      for (size_t c = 0; c < kLifeChannels; ++c) {
        const double value = life.values[static_cast<size_t>(step) * kLifeChannels + c];
        features[1 + c] += value / kWindow;
        if (step > end - kWindow / 3) features[1 + kLifeChannels + c] += value * 3 / kWindow;
      }
    }
    for (size_t h = 0; h < kHidden; ++h) {
      const double* const w = &weights_[h * (kInputs + 1)];
      double sum = w[kInputs];
      for (size_t i = 0; i < kInputs; ++i) sum += w[i] * features[1 + i];
      features[1 + kInputs + h] = std::tanh(sum);
    }
    return features;
  }

 private:
  std::vector<double> weights_;
};

class LifeSignalTest : public ::testing::Test {
 protected:
  LifeSignalTest() {
    PlantSetOptions options;
    options.out = folder_.path();
    options.plants = kPlants;
    MR_EXPECT_OK(WriteLifeSet(options, PosixFileSystem()));
    const Scaling scaling = CommonScaling();
    for (int plant = 1; plant <= kPlants; ++plant) {
      train_.push_back(LoadSite(folder_.path(), plant, "data", LifePlan()));
      test_.push_back(LoadSite(folder_.path(), plant, "test", LifePlan()));
      for (Series& life : train_.back()) scaling.Apply(life);
      for (Series& life : test_.back()) scaling.Apply(life);
    }
  }

  // What plant `plant` (0-based) learns from its training rows.
  LinearFit FitOf(size_t plant) const {
    LinearFit fit(RandomFeatures::kCount);
    for (const Series& life : train_[plant]) {
      for (int64_t end = kWindow - 1; end < life.steps; ++end) {
        fit.Add(features_.Of(life, end), life.labels[static_cast<size_t>(end)]);
      }
    }
    return fit;
  }

  double TestError(const LinearFit& fit, size_t plant) const {
    return ErrorOf(plant, [&](const Series& life, int64_t end) {
      return std::clamp(fit.Predict(features_.Of(life, end)), 0.0, LifePlan().label.cap);
    });
  }

  // Of predicting the mean training label.
  double ConstantError(size_t plant) const {
    double sum = 0;
    double count = 0;
    for (const Series& life : train_[plant]) {
      for (const float label : life.labels) sum += label;
      count += static_cast<double>(life.steps);
    }
    return ErrorOf(plant, [&](const Series&, int64_t) { return sum / count; });
  }

 private:
  template <typename Prediction>
  double ErrorOf(size_t plant, const Prediction& prediction) const {
    std::vector<float> predicted;
    std::vector<float> truth;
    for (const Series& life : test_[plant]) {
      for (int64_t end = kWindow - 1; end < life.steps; ++end) {
        predicted.push_back(static_cast<float>(prediction(life, end)));
        truth.push_back(life.labels[static_cast<size_t>(end)]);
      }
    }
    return Rmse(predicted, truth);
  }

  // From the summed moments of all plants, as a federation has them.
  Scaling CommonScaling() const {
    const InputPlan input = LifePlan().input;
    std::vector<double> sums;
    for (int plant = 1; plant <= kPlants; ++plant) {
      const std::vector<double> moments =
          ScalingMoments(input, LoadSite(folder_.path(), plant, "data", LifePlan()));
      sums.resize(moments.size());
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += moments[i];
    }
    const absl::StatusOr<Scaling> scaling = Scaling::FromMoments(input, sums);
    MR_EXPECT_OK(scaling);
    return *scaling;
  }

  const testing::TemporaryFolder folder_;
  const RandomFeatures features_;
  std::vector<std::vector<Series>> train_;
  std::vector<std::vector<Series>> test_;
};

TEST_F(LifeSignalTest, TogetherThePlantsClearlyBeatTheConstantPredictor) {
  LinearFit together(RandomFeatures::kCount);
  for (size_t plant = 0; plant < kPlants; ++plant) together.Merge(FitOf(plant));
  together.Solve(kRidge);
  for (size_t plant = 0; plant < kPlants; ++plant) {
    EXPECT_LT(TestError(together, plant), 0.6 * ConstantError(plant)) << "plant " << plant + 1;
  }
}

TEST_F(LifeSignalTest, TogetherThePlantsBeatWhatEachLearnsAlone) {
  LinearFit together(RandomFeatures::kCount);
  double alone_error = 0;  // summed over the plants
  for (size_t plant = 0; plant < kPlants; ++plant) {
    LinearFit alone = FitOf(plant);
    together.Merge(alone);
    alone.Solve(kRidge);
    alone_error += TestError(alone, plant);
  }
  together.Solve(kRidge);
  double together_error = 0;
  for (size_t plant = 0; plant < kPlants; ++plant) together_error += TestError(together, plant);
  EXPECT_LT(together_error, 0.9 * alone_error);
}

}  // namespace
}  // namespace millrace
