// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "coordinator/enrollment/audit_log.h"
#include "coordinator/enrollment/enrollment.h"
#include "coordinator/enrollment/membership.h"
#include "coordinator/rpc/site_calls.h"
#include "coordinator/rpc/waiting_room.h"
#include "millrace/v1/enrollment.grpc.pb.h"

namespace millrace {

/// What the service works with; everything outlives it.
struct EnrollmentParts {
  Enrollment* enrollment = nullptr;
  Membership* membership = nullptr;
  AuditLog* audit = nullptr;
  SiteCalls* calls = nullptr;
  WaitingRoom* room = nullptr;
  Clock* steady = nullptr;  // that nobody sets
  /// Told who has lost certificates, before Publish is answered.
  std::function<void(const Holders&)> on_revoked;
  /// Told that the authorities have changed.
  std::function<void()> on_trust;
  /// Asked before the authorities change: a status for a change that would lock this coordinator
  /// out.
  std::function<absl::Status(const TrustedAuthorities& next)> check_trust;
};

/// The generated service without the two calls that need no certificate (see entry_service.h).
using MembersEnrollment = v1::Enrollment::WithGenericMethod_GetTrust<
    v1::Enrollment::WithGenericMethod_Enroll<v1::Enrollment::WithCallbackMethod_Renew<
        v1::Enrollment::WithCallbackMethod_Invite<v1::Enrollment::WithCallbackMethod_ListRequests<
            v1::Enrollment::WithCallbackMethod_Approve<v1::Enrollment::WithCallbackMethod_Reject<
                v1::Enrollment::WithCallbackMethod_Publish<
                    v1::Enrollment::WithCallbackMethod_ListAudit<v1::Enrollment::Service>>>>>>>>>;

/// millrace.v1.Enrollment.
class EnrollmentService final : public MembersEnrollment {
 public:
  explicit EnrollmentService(EnrollmentParts parts) : parts_(std::move(parts)) {}

  grpc::ServerUnaryReactor* Renew(grpc::CallbackServerContext* context,
                                  const v1::RenewRequest* request,
                                  v1::CertificateAnswer* response) override;
  grpc::ServerUnaryReactor* Invite(grpc::CallbackServerContext* context,
                                   const v1::InviteRequest* request,
                                   v1::InviteResponse* response) override;
  grpc::ServerUnaryReactor* ListRequests(grpc::CallbackServerContext* context,
                                         const v1::ListRequestsRequest* request,
                                         v1::ListRequestsResponse* response) override;
  grpc::ServerUnaryReactor* Approve(grpc::CallbackServerContext* context,
                                    const v1::ApproveRequest* request,
                                    v1::ApproveResponse* response) override;
  grpc::ServerUnaryReactor* Reject(grpc::CallbackServerContext* context,
                                   const v1::RejectRequest* request,
                                   v1::RejectResponse* response) override;
  grpc::ServerUnaryReactor* Publish(grpc::CallbackServerContext* context,
                                    const v1::PublishRequest* request,
                                    v1::PublishResponse* response) override;
  grpc::ServerUnaryReactor* ListAudit(grpc::CallbackServerContext* context,
                                      const v1::ListAuditRequest* request,
                                      v1::ListAuditResponse* response) override;

 private:
  absl::Status PublishNow(const v1::PublishRequest& request, std::string* object,
                          v1::PublishResponse* response);

  const EnrollmentParts parts_;
};

}  // namespace millrace
