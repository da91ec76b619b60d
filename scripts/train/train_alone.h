// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/training/perform.h"
#include "models/package.h"
#include "scripts/train/round_report.h"
#include "scripts/train/site.h"

namespace millrace {

/// Trains the plan's model without a federation, on one site's data or on a pool's, with the budget
/// that the federation has: its rounds of its epochs (max_steps, where the plan sets it, once per
/// pooled site), its learning rate in each round, its early stop, its seeds. A site does exactly
/// what it would do in a federation of its own with FedAvg; what only a federation needs
/// (proximal_mu and the bound on updates) is left out.
///
/// Errors of Perform, naming the round.
absl::StatusOr<ModelPackage> TrainAlone(const std::string& plan_text, const Site& site,
                                        const TrainerFactory& new_trainer,
                                        const RoundListener& on_round);

}  // namespace millrace
