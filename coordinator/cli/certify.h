// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/cli/authority_folder.h"
#include "coordinator/cli/enrollment_calls.h"
#include "millrace/v1/enrollment.pb.h"

namespace millrace {

inline constexpr int kMaxCertificateDays = 3650;
inline constexpr absl::Duration kClockTolerance = absl::Hours(1);  // between machines

/// Checks a site's request, signs its certificate and hands it over; returns when that ends. What
/// the coordinator says of the request is not believed: PERMISSION_DENIED unless the key was
/// vouched for by the invitation in the folder, by `key` (a fingerprint that people have compared,
/// or empty), or, for a renewal, by the site's present certificate, which counts. Where `key` is
/// given the request must be for it.
absl::StatusOr<absl::Time> Certify(const v1::SigningRequest& request, const std::string& key,
                                   absl::Duration life, absl::Time now, AuthorityFolder& folder,
                                   EnrollmentCalls& calls);

}  // namespace millrace
