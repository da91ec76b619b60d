// SPDX-License-Identifier: Apache-2.0
// What a site computes in a round, free of processes, files and network.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "millrace/v1/rounds.pb.h"
#include "models/catalogue/architecture.h"
#include "models/dataset.h"
#include "models/scaling.h"
#include "models/task.h"
#include "models/trainer.h"
#include "plan/plan.h"

namespace millrace {

/// Makes the trainer of a plan's model; models/torch/ has the real one.
using TrainerFactory = std::function<absl::StatusOr<std::unique_ptr<Trainer>>(
    const Plan& plan, const Architecture& architecture)>;

/// An assignment that was read and checked against the plan it carries.
struct SiteTask {
  std::string run;
  int64_t round = 0;
  TaskKind kind = TaskKind::kTraining;
  Plan plan;
  Architecture architecture;
  std::optional<Scaling> scaling;
};

/// INVALID_ARGUMENT if the assignment contradicts itself: sizes, layout or scaling are not what its
/// plan gives.
absl::StatusOr<SiteTask> ReadAssignment(const v1::Assignment& assignment);

struct Update {
  std::vector<float> vector;  // weighted section, then statistics (aggregation/exact_sum.h)
  double weight = 0;
};

struct PerformOptions {
  std::string site;  // seeds the site's own random choices together with the plan's seed
  std::function<bool(const TrainingProgress&)> on_progress;
};

/// Does `task` on a site's raw data. FAILED_PRECONDITION if the data give no example.
absl::StatusOr<Update> Perform(const SiteTask& task, std::span<const float> parameters,
                               std::vector<Series> series, const TrainerFactory& new_trainer,
                               const PerformOptions& options);

}  // namespace millrace
