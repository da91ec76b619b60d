// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "plan/plan.h"

namespace millrace {

/// Why `value` cannot be a label under the plan: with classes it must be one of 0 .. classes-1.
/// Empty if it can.
std::string LabelProblem(const LabelPlan& label, double value);

}  // namespace millrace
