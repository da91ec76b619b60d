// SPDX-License-Identifier: Apache-2.0
// How the holder of a certificate asks for the next one: its present key signs the request of the
// new key, so that nobody between it and the authority can put in a key of their own.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// `signing_request` in DER, signed with the present key.
absl::StatusOr<std::string> SignRenewal(const std::string& present_key_pem,
                                        absl::string_view signing_request);

/// INVALID_ARGUMENT unless the key of the certificate `present` (DER) signed `signing_request`.
/// Says nothing of who signed the certificate.
absl::Status VerifyRenewal(absl::string_view present, absl::string_view signing_request,
                           absl::string_view signature);

}  // namespace millrace
