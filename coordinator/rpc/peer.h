// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include <exception>
#include <new>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/crypto/certificate.h"
#include "coordinator/engine/engine.h"
#include "millrace/v1/common.pb.h"

namespace millrace {

/// How long a call may wait for news: proxies end those in which nothing moves.
inline constexpr absl::Duration kLongestWait = absl::Seconds(20);

/// The caller, from the certificate that TLS has verified. UNAUTHENTICATED without a Millrace
/// certificate.
absl::StatusOr<Identity> PeerOf(const grpc::ServerContextBase& context);

/// True for viewers, operators and approvers, of whom each may do what the one before it may.
bool IsOfCommandLine(Role role);

/// The caller's name. PERMISSION_DENIED, naming caller and role, unless it is a `role`, or one of
/// the command line that may do more; UNAUTHENTICATED without a Millrace certificate.
absl::StatusOr<std::string> RequireRole(const grpc::ServerContextBase& context, Role role);

/// The caller's name, if it is a site that this coordinator admits: PERMISSION_DENIED otherwise.
absl::StatusOr<std::string> RequireSite(const grpc::ServerContextBase& context, Engine* engine);

/// What `body` returns, a Status or a StatusOr. Where memory runs out it is RESOURCE_EXHAUSTED: an
/// exception would reach the caller as UNIMPLEMENTED without a word, or end the process.
template <typename Body>
auto Guarded(Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("the coordinator's memory does not suffice for this call");
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  }
}

/// The caller's certificate that TLS has verified, PEM. UNAUTHENTICATED without one.
absl::StatusOr<std::string> PeerCertificate(const grpc::ServerContextBase& context);

grpc::Status ToGrpc(const absl::Status& status);

/// Ends a call with `status`, and with its response where that is OK.
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const absl::Status& status);

RoundId FromProto(const v1::RoundId& proto);

/// INVALID_ARGUMENT, naming `field`, unless `bytes` are a SHA-256.
absl::StatusOr<Digest> DigestFromProto(absl::string_view field, const std::string& bytes);

}  // namespace millrace
