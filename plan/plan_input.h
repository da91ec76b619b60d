// SPDX-License-Identifier: Apache-2.0
// Between the sources of plan/plan.h: the table [input].
#pragma once

#include "plan/plan.h"
#include "plan/toml_reader.h"

namespace millrace {

/// What is wrong is reported by the document's Finish, naming the key.
void ReadInput(TomlTable table, InputPlan& input);

}  // namespace millrace
