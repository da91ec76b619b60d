// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/enrollment_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crypto/signing_request.h"
#include "base/status.h"
#include "base/text.h"
#include "coordinator/rpc/certificate_answer.h"
#include "coordinator/rpc/operator_call.h"
#include "coordinator/rpc/peer.h"

namespace millrace {
namespace {

constexpr int64_t kMostAudit = 1000;  // entries in one answer

v1::SigningRequest ToProto(const CertificateCase& opened) {
  v1::SigningRequest request;
  request.set_site(opened.site);
  request.set_key_sha256(opened.key.ToBytes());
  request.set_signing_request(opened.signing_request);
  request.set_proof(opened.proof);
  request.set_certificate(opened.present);
  request.set_signature(opened.signature);
  request.set_created_ms(absl::ToUnixMillis(opened.created));
  request.set_state(ToProto(opened.state));
  request.set_reason(Utf8(opened.reason));
  return request;
}

}  // namespace

grpc::ServerUnaryReactor* EnrollmentService::Renew(grpc::CallbackServerContext* context,
                                                   const v1::RenewRequest* request,
                                                   v1::CertificateAnswer* response) {
  const auto renew = [&]() -> absl::Status {
    MR_ASSIGN_OR_RETURN(const auto call, parts_.calls->Begin(context, CallKind::kQuick));
    MR_ASSIGN_OR_RETURN(const std::string pem, PeerCertificate(*context));
    MR_ASSIGN_OR_RETURN(const std::string present, CertificateDer(pem));
    MR_ASSIGN_OR_RETURN(const CertificateCase opened,
                        parts_.enrollment->Renew(call->site(), present, request->signing_request(),
                                                 request->signature()));
    *response = ToAnswer(opened);
    return absl::OkStatus();
  };
  return Answer(context, Guarded(renew));
}

grpc::ServerUnaryReactor* EnrollmentService::Invite(grpc::CallbackServerContext* context,
                                                    const v1::InviteRequest* request,
                                                    v1::InviteResponse* response) {
  return ForChange(
      context, parts_.audit, Role::kOperator, "site.invite", absl::StrCat("site ", request->site()),
      [&](const std::string&, std::string*) -> absl::Status {
        MR_ASSIGN_OR_RETURN(const Digest token,
                            DigestFromProto("token_sha256", request->token_sha256()));
        MR_ASSIGN_OR_RETURN(
            const absl::Time expires,
            parts_.enrollment->Invite(request->site(), token, absl::Seconds(request->life_s())));
        response->set_expires_ms(absl::ToUnixMillis(expires));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* EnrollmentService::ListRequests(grpc::CallbackServerContext* context,
                                                          const v1::ListRequestsRequest* request,
                                                          v1::ListRequestsResponse* response) {
  return ForRole(context, Role::kViewer, [&]() -> absl::Status {
    MR_ASSIGN_OR_RETURN(const std::vector<CertificateCase> cases, parts_.enrollment->Cases());
    for (const CertificateCase& opened : cases) {
      if (request->all() || opened.state == RequestState::kPending) {
        *response->add_requests() = ToProto(opened);
      }
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EnrollmentService::Approve(grpc::CallbackServerContext* context,
                                                     const v1::ApproveRequest* request,
                                                     v1::ApproveResponse*) {
  const absl::StatusOr<Digest> key = Digest::FromBytes(request->key_sha256());
  return ForChange(context, parts_.audit, Role::kApprover, "site.approve",
                   key.ok() ? KeyName(*key) : "",
                   [&](const std::string&, std::string* object) -> absl::Status {
                     MR_RETURN_IF_ERROR(Annotate(key.status(), "key_sha256"));
                     MR_ASSIGN_OR_RETURN(const std::string site,
                                         parts_.enrollment->Approve(*key, request->certificate()));
                     *object = absl::StrCat("site ", site, ", ", KeyName(*key));
                     parts_.room->PollAll(parts_.steady->Now());
                     return absl::OkStatus();
                   });
}

grpc::ServerUnaryReactor* EnrollmentService::Reject(grpc::CallbackServerContext* context,
                                                    const v1::RejectRequest* request,
                                                    v1::RejectResponse*) {
  return ForChange(context, parts_.audit, Role::kOperator, "site.reject",
                   absl::StrCat("site ", request->site()),
                   [&](const std::string& actor, std::string*) {
                     return parts_.enrollment->Reject(
                         request->site(), absl::StrCat(request->reason(), " (", actor, ")"));
                   });
}

absl::Status EnrollmentService::PublishNow(const v1::PublishRequest& request, std::string* object,
                                           v1::PublishResponse* response) {
  if (request.has_revocation_list()) {
    *object = "revocation list";
    MR_ASSIGN_OR_RETURN(const NewlyRevoked revoked,
                        parts_.membership->PublishRevocations(request.revocation_list()));
    const Holders cut = parts_.calls->EndRevoked(
        [this](const std::string& serial) { return parts_.membership->IsRevoked(serial); });
    Holders losers = cut;
    losers.Add(revoked.holders);
    *object = absl::StrCat("revocation list ", revoked.number, ", adds ",
                           absl::StrJoin(revoked.serials, " "));
    for (const std::string& site : losers.sites) absl::StrAppend(object, ", site ", site);
    for (const std::string& person : losers.people) absl::StrAppend(object, ", ", person);
    if (parts_.on_revoked) parts_.on_revoked(losers);
    response->mutable_cut()->Add(cut.sites.begin(), cut.sites.end());
    response->mutable_cut()->Add(cut.people.begin(), cut.people.end());
    return absl::OkStatus();
  }
  if (!request.has_statement()) {
    return absl::InvalidArgumentError("publish: neither a revocation list nor a statement");
  }
  const v1::TrustStatement& statement = request.statement();
  *object = absl::StrCat("authorities ", statement.number());
  const TrustedAuthorities next{statement.number(),
                                {statement.authorities().begin(), statement.authorities().end()}};
  const bool is_new = statement.number() > parts_.membership->TrustNumber();
  if (parts_.check_trust && is_new) MR_RETURN_IF_ERROR(parts_.check_trust(next));
  MR_RETURN_IF_ERROR(parts_.membership->PublishStatement({next, statement.signature()}));
  if (parts_.on_trust) parts_.on_trust();
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* EnrollmentService::Publish(grpc::CallbackServerContext* context,
                                                     const v1::PublishRequest* request,
                                                     v1::PublishResponse* response) {
  return ForChange(context, parts_.audit, Role::kOperator,
                   request->has_statement() ? "authority.change" : "revoke", "",
                   [&](const std::string&, std::string* object) {
                     return PublishNow(*request, object, response);
                   });
}

grpc::ServerUnaryReactor* EnrollmentService::ListAudit(grpc::CallbackServerContext* context,
                                                       const v1::ListAuditRequest* request,
                                                       v1::ListAuditResponse* response) {
  return ForRole(context, Role::kViewer, [&]() -> absl::Status {
    const int64_t limit =
        request->limit() > 0 ? std::min(request->limit(), kMostAudit) : kMostAudit;
    MR_ASSIGN_OR_RETURN(const std::vector<AuditEntry> entries,
                        parts_.audit->Load(request->after(), limit));
    for (const AuditEntry& entry : entries) *response->add_entries() = millrace::ToProto(entry);
    return absl::OkStatus();
  });
}

}  // namespace millrace
