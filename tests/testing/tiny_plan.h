// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/strings/str_cat.h"

namespace millrace::testing {

/// A plan whose channel, window and layers are so small that every element of an update can be
/// tried: 9 parameters. Its runs are called tiny-1, tiny-2, ...
struct TinyPlan {
  int rounds = 2;
  int seed = 7;
  std::string cohort = "target = 3\nminimum = 2\nwait_s = 10\ndeadline_s = 60\nbackoff_s = 4\n";
  std::string update = "max_weight = 1000\n";
  std::string server = "optimizer = \"fedavg\"\n";
  std::string normalization = "federated";
  int window = 2;
  int hidden = 2;

  std::string secure = "off";

  std::string Text() const {
    return absl::StrCat("secure_aggregation = \"", secure,
                        "\"\n[run]\nname = \"tiny\"\nrounds = ", rounds, "\nseed = ", seed,
                        "\n[cohort]\n", cohort, "[model]\nkind = \"mlp\"\nhidden = [", hidden,
                        "]\n[input]\nchannels = [\"heat\"]\nwindow = ", window,
                        "\nnormalization = \"", normalization,
                        "\"\n[label]\nkind = \"column\"\ncolumn = \"wear\"\n"
                        "[server]\n",
                        server, "[update]\n", update);
  }
};

}  // namespace millrace::testing
