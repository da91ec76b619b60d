// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/peer.h"

#include <grpc/grpc_security_constants.h>

#include "absl/strings/str_cat.h"
#include "base/retry_after.h"
#include "base/status.h"

namespace millrace {

absl::StatusOr<Identity> PeerOf(const grpc::ServerContextBase& context) {
  constexpr char kPeerUri[] = "peer_uri";  // gRPC's name for the certificate's URI SAN
  const auto auth = context.auth_context();
  if (auth != nullptr && auth->IsPeerAuthenticated()) {
    const auto uris = auth->FindPropertyValues(kPeerUri);
    if (uris.size() == 1) return ParseIdentityUri({uris[0].data(), uris[0].size()});
  }
  return absl::UnauthenticatedError(absl::StrCat(
      "caller ", context.peer(), ": needs a certificate that the federation's authority issued"));
}

absl::StatusOr<std::string> PeerCertificate(const grpc::ServerContextBase& context) {
  const auto auth = context.auth_context();
  if (auth != nullptr && auth->IsPeerAuthenticated()) {
    const auto pem = auth->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    if (pem.size() == 1) return std::string(pem[0].data(), pem[0].size());
  }
  return absl::UnauthenticatedError(
      absl::StrCat("caller ", context.peer(), ": its connection has no certificate"));
}

bool IsOfCommandLine(Role role) {
  return role == Role::kViewer || role == Role::kOperator || role == Role::kApprover;
}

absl::StatusOr<std::string> RequireRole(const grpc::ServerContextBase& context, Role role) {
  MR_ASSIGN_OR_RETURN(const Identity peer, PeerOf(context));
  if (peer.role == role) return peer.name;
  if (IsOfCommandLine(role) && IsOfCommandLine(peer.role) && peer.role > role) return peer.name;
  return absl::PermissionDeniedError(absl::StrCat(RoleName(peer.role), " ", peer.name,
                                                  ": this call is for the role ", RoleName(role)));
}

absl::StatusOr<std::string> RequireSite(const grpc::ServerContextBase& context, Engine* engine) {
  MR_ASSIGN_OR_RETURN(std::string site, RequireRole(context, Role::kSite));
  MR_RETURN_IF_ERROR(engine->Admit(site));
  return site;
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  std::string details;
  if (const std::optional<absl::Duration> delay = RetryAfter(status)) {
    v1::RetryAfter retry;
    retry.set_delay_ms(absl::ToInt64Milliseconds(*delay));
    details = retry.SerializeAsString();
  }
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message()), details};
}

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

RoundId FromProto(const v1::RoundId& proto) {
  return {proto.run(), proto.round(), proto.attempt()};
}

absl::StatusOr<Digest> DigestFromProto(absl::string_view field, const std::string& bytes) {
  absl::StatusOr<Digest> digest = Digest::FromBytes(bytes);
  if (!digest.ok()) return Annotate(digest.status(), field);
  return digest;
}

}  // namespace millrace
