// SPDX-License-Identifier: Apache-2.0
// Requests for certificates and the audit log as text and JSON. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/cli/json.h"
#include "millrace/v1/enrollment.pb.h"

namespace millrace {

/// Empty if there are none.
std::string RequestsText(const v1::ListRequestsResponse& requests, absl::Time now);
Json RequestsJson(const v1::ListRequestsResponse& requests);

std::string AuditText(const std::vector<v1::AuditEntry>& entries, absl::TimeZone zone);
Json AuditJson(const std::vector<v1::AuditEntry>& entries);

}  // namespace millrace
