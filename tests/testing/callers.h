// SPDX-License-Identifier: Apache-2.0
// Calls to a coordinator on this machine, as an operator or as a site that says what it likes.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/session/link.h"
#include "coordinator/cli/connection.h"
#include "tests/testing/honest_update.h"
#include "tests/testing/test_federation.h"

namespace millrace::testing {

std::string LoopbackAddress(int port);

/// A site's link with the identity that the federation issues to this name; nothing checks the
/// certificate before it is used.
LinkOptions SiteLink(const TestFederation& federation, const std::string& site, int port);

std::unique_ptr<Connection> OperatorConnection(const TestFederation& federation, int port);
std::unique_ptr<Connection> OperatorConnection(const TestFederation& federation,
                                               const std::string& address);

/// Checks in until there is an assignment, at most for `patience`.
absl::StatusOr<v1::Assignment> AwaitAssignment(Link& link,
                                               absl::Duration patience = absl::Seconds(30));

/// Announces `header` and sends `bytes` from where the coordinator wants them; the answer to the
/// last byte, or the first refusal.
absl::StatusOr<v1::UploadState> SendBytes(Link& link, const v1::UploadHeader& header,
                                          const std::string& bytes);

/// Answers one assignment honestly.
absl::Status TakePart(Link& link, const std::string& site,
                      absl::Duration patience = absl::Seconds(30));

}  // namespace millrace::testing
