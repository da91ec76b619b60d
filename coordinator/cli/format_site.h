// SPDX-License-Identifier: Apache-2.0
// The registry's sites as text and JSON. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "coordinator/cli/json.h"
#include "millrace/v1/admin.pb.h"

namespace millrace {

/// "idle", "working", ...
absl::string_view Name(v1::Activity activity);

std::string SitesText(const v1::ListSitesResponse& sites, absl::Time now);
Json SitesJson(const v1::ListSitesResponse& sites);

}  // namespace millrace
