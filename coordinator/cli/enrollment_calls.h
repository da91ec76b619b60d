// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/v1/enrollment.pb.h"

namespace millrace {

/// The command line's calls about who belongs to the federation; statuses as Connection's.
class EnrollmentCalls {
 public:
  virtual ~EnrollmentCalls() = default;

  virtual absl::StatusOr<v1::InviteResponse> Invite(const v1::InviteRequest& request) = 0;
  /// Those that wait, or `all`.
  virtual absl::StatusOr<v1::ListRequestsResponse> ListRequests(bool all) = 0;
  virtual absl::Status Approve(const v1::ApproveRequest& request) = 0;
  virtual absl::Status Reject(const std::string& site, const std::string& reason) = 0;
  virtual absl::StatusOr<v1::PublishResponse> Publish(const v1::PublishRequest& request) = 0;
  /// Whom the coordinator has everybody trust, with every statement that it holds.
  virtual absl::StatusOr<v1::Trust> GetTrust() = 0;
  /// Entries whose sequence is above `after`; as many as the coordinator gives at once.
  virtual absl::StatusOr<v1::ListAuditResponse> ListAudit(int64_t after) = 0;
};

}  // namespace millrace
