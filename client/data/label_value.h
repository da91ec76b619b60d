// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "client/data/site_message.h"
#include "plan/plan.h"

namespace millrace {

/// Why `value` cannot be a label under the plan: with classes it must be one of 0 .. classes-1.
/// None if it can.
std::optional<SiteMessage> LabelProblem(const LabelPlan& label, double value);

}  // namespace millrace
