// SPDX-License-Identifier: Apache-2.0
// A plan in words, for `plan check` and for what a package says of its own. Pure.
#pragma once

#include <string>

#include "coordinator/cli/json.h"
#include "models/catalogue/architecture.h"
#include "plan/plan.h"

namespace millrace {

/// "14 channels x 30 steps, normalized by window".
std::string InputText(const Plan& plan);
/// "classification, 10 classes".
std::string OutputText(const Plan& plan);

/// What the plan will do: rounds, cohort, model, and what it costs a site in transfer.
std::string PlanText(const Plan& plan, const Architecture& architecture);
Json PlanJson(const Plan& plan, const Architecture& architecture);

}  // namespace millrace
