// SPDX-License-Identifier: Apache-2.0
// A whole federation in one process: the coordinator's engine and aggregation over a disk in
// memory, the sites' work by the code that their daemons run.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/training/perform.h"
#include "models/dataset.h"
#include "models/package.h"
#include "scripts/train/round_report.h"

namespace millrace {

/// Several participants may share one site's data.
struct Participant {
  std::string name;
  const std::vector<Series>* series = nullptr;  // outlives the federation
};

struct FederatedRun {
  ModelPackage model;
  int64_t bytes_up = 0;    // of accepted updates, round by round
  int64_t bytes_down = 0;  // of models
};

/// Runs the plan from its start to its evaluation round. Time is simulated: it stands still while
/// sites work and jumps where the engine waits for it. Sites of a round finish in an order drawn
/// with the plan's seed, one after the other. The same plan and data give the same model, bit for
/// bit.
///
/// INVALID_ARGUMENT for a plan that cannot work or names that the coordinator refuses;
/// FAILED_PRECONDITION if the run fails, with the run's own account of it.
absl::StatusOr<FederatedRun> RunFederation(const std::string& plan_text,
                                           std::span<const Participant> participants,
                                           const TrainerFactory& new_trainer,
                                           const RoundListener& on_round);

}  // namespace millrace
