// SPDX-License-Identifier: Apache-2.0
// Small tasks that every catalogue entry can learn within seconds.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "models/dataset.h"
#include "plan/plan.h"

namespace millrace::testing {

/// Windows of `window` steps and three channels: sines of a random period, phase and height.
inline Plan SyntheticPlan(ModelKind kind, int64_t window = 12) {
  Plan plan;
  plan.run.name = "synthetic";
  plan.model.kind = kind;
  switch (kind) {
    case ModelKind::kMlp:
      plan.model.hidden = {24};
      break;
    case ModelKind::kAutoencoder:
      plan.model.hidden = {16, 6};
      break;
    case ModelKind::kCnn1d:
      plan.model.filters = {12, 12};
      break;
    case ModelKind::kGru:
    case ModelKind::kLstm:
      plan.model.hidden = {12};
      plan.model.layers = 2;
      break;
  }
  plan.input.channels = {"a", "b", "c"};
  plan.input.window = window;
  plan.input.normalization = Normalization::kNone;
  plan.label.kind = kind == ModelKind::kAutoencoder ? LabelKind::kNone : LabelKind::kColumn;
  plan.training.batch_size = 32;
  plan.training.epochs = 20;
  plan.training.learning_rate = 1e-2;
  return plan;
}

/// `count` windows, one per series. The label is the wave's height in [0.2, 1.2] times
/// `label_scale`, or for classification 1 if the height is above the middle.
inline Dataset SyntheticData(const Plan& plan, int count, uint64_t seed, double label_scale = 1) {
  Random random(seed);
  std::vector<Series> all;
  for (int i = 0; i < count; ++i) {
    Series series;
    series.unit = "unit" + std::to_string(i);
    series.steps = plan.input.window;
    const double height = 0.2 + random.Uniform();
    const double phase = 6.28 * random.Uniform();
    const double speed = 0.5 + random.Uniform();
    for (int64_t t = 0; t < series.steps; ++t) {
      for (size_t c = 0; c < plan.input.channels.size(); ++c) {
        const double angle = phase + speed * static_cast<double>(t) + static_cast<double>(c);
        series.values.push_back(static_cast<float>(height * std::sin(angle)));
      }
    }
    const double label = plan.label.classes > 1 ? (height > 0.7 ? 1 : 0) : label_scale * height;
    series.labels.assign(series.steps, static_cast<float>(label));
    all.push_back(std::move(series));
  }
  return AllWindows(plan, std::move(all));
}

/// A catalogue entry, with the name that its tests have.
struct Kind {
  std::string name;
  Plan plan;
};

inline std::vector<Kind> AllKinds() {
  std::vector<Kind> kinds = {
      {"Mlp", SyntheticPlan(ModelKind::kMlp)},
      {"Cnn1d", SyntheticPlan(ModelKind::kCnn1d)},
      {"Gru", SyntheticPlan(ModelKind::kGru)},
      {"Lstm", SyntheticPlan(ModelKind::kLstm)},
      {"DenseAutoencoder", SyntheticPlan(ModelKind::kAutoencoder)},
      {"ConvolutionalAutoencoder", SyntheticPlan(ModelKind::kAutoencoder)},
      {"Classifier", SyntheticPlan(ModelKind::kCnn1d)},
  };
  kinds[1].plan.model.pool = 2;
  kinds[5].plan.model.hidden.clear();
  kinds[5].plan.model.convolutional = true;
  kinds[5].plan.model.filters = {8, 4};
  kinds[5].plan.model.strides = {2, 1};
  kinds[6].plan.label.classes = 2;
  return kinds;
}

}  // namespace millrace::testing
