// SPDX-License-Identifier: Apache-2.0
// A small regression that any site learns in milliseconds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "client/training/perform.h"
#include "models/dataset.h"
#include "models/torch/torch_trainer.h"

namespace millrace::testing {

struct ToyPlan {
  int64_t rounds = 2;
  int64_t target = 1;
  int64_t minimum = 1;
  std::string more_cohort = "";
  std::string normalization = "federated";
  std::string training = "epochs = 2";

  std::string Text() const {
    return absl::StrCat(
        "secure_aggregation = \"off\"\n[run]\nname = \"toy\"\nseed = 7\nrounds = ", rounds,
        "\n[cohort]\ntarget = ", target, "\nminimum = ", minimum, "\n", more_cohort,
        "\n[model]\nkind = \"mlp\"\nhidden = [3]\n"
        "[input]\nchannels = [\"a\", \"b\"]\nwindow = 2\nnormalization = \"",
        normalization,
        "\"\n[label]\nkind = \"column\"\ncolumn = \"y\"\n"
        "[training]\nlearning_rate = 0.02\nbatch_size = 8\n",
        training, "\n");
  }
};

/// `units` units of 6 steps, 5 windows each; the label is a sum of the channels.
inline std::vector<Series> ToySeries(uint64_t seed, int units = 4) {
  Random random(seed);
  std::vector<Series> all;
  for (int unit = 0; unit < units; ++unit) {
    Series series;
    series.unit = absl::StrCat(unit);
    series.steps = 6;
    for (int64_t step = 0; step < series.steps; ++step) {
      const double a = 3 + random.Normal();
      const double b = 2 * random.Normal();
      series.values.push_back(static_cast<float>(a));
      series.values.push_back(static_cast<float>(b));
      series.labels.push_back(static_cast<float>(0.5 * a - b));
    }
    all.push_back(std::move(series));
  }
  return all;
}

inline TrainerFactory TorchTrainers() {
  return [](const Plan& plan, const Architecture& architecture) {
    return NewTorchTrainer(plan, architecture, {.threads = 1, .allow_cuda = false});
  };
}

}  // namespace millrace::testing
