// SPDX-License-Identifier: Apache-2.0
// A plan in words, for `plan check` and for what a package says of its own. Pure.
#pragma once

#include <string>

#include "coordinator/cli/json.h"
#include "millrace/v1/models.pb.h"
#include "models/catalogue/architecture.h"
#include "plan/plan.h"

namespace millrace {

/// "14 channels x 30 steps at 10 Hz, normalized by window".
std::string InputText(const Plan& plan);
/// "current in A, speed in rpm": of what has a unit.
std::string UnitsText(const v1::ModelInput& input);
Json InputJson(const v1::ModelInput& input);
/// "classification, 10 classes".
std::string OutputText(const Plan& plan);

/// What the plan will do: rounds, cohort, model, and what it costs a site in transfer.
std::string PlanText(const Plan& plan, const Architecture& architecture);
Json PlanJson(const Plan& plan, const Architecture& architecture);

}  // namespace millrace
