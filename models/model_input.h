// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "millrace/v1/models.pb.h"
#include "plan/plan.h"

namespace millrace {

/// What a model of this plan is fed.
v1::ModelInput ModelInputOf(const InputPlan& input);

}  // namespace millrace
