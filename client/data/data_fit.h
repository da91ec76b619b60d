// SPDX-License-Identifier: Apache-2.0
// Whether rows come at the rate and in the units of a plan, as far as both are said.
#pragma once

#include <optional>

#include "client/data/data_config.h"
#include "client/data/site_message.h"
#include "client/store/stored_rows.h"
#include "plan/plan.h"

namespace millrace {

/// How recorded rows are not as in the plan, as in "they come at ..."; none: they are.
std::optional<SiteMessage> MisfitOf(const StoredRows& rows, const InputPlan& input);

/// The same of files, by what the site's [data] says of them.
std::optional<SiteMessage> MisfitOf(const DataConfig& config, const InputPlan& input);

}  // namespace millrace
