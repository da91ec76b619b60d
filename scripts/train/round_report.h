// SPDX-License-Identifier: Apache-2.0
// What a round did, however it was run, and its line on the terminal.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "models/task.h"
#include "plan/plan.h"

namespace millrace {

struct RoundReport {
  int64_t round = 0;
  TaskKind task = TaskKind::kTraining;
  int64_t sites = 0;  // whose updates are in it
  /// models/metrics.h's names on held-back data, of the model before the round; "train_loss".
  std::map<std::string, double> metrics;
};
using RoundListener = std::function<void(const RoundReport&)>;

/// "round   3/30   sites 4   train loss 0.0123   validation rmse 15.21   1.4 s"
std::string RoundLine(const Plan& plan, const RoundReport& report, double seconds);

/// Prints each round's line on standard error, with the wall-clock time since the last.
RoundListener PrintRounds(const Plan& plan);

}  // namespace millrace
