// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/crypto/certificate.h"
#include "coordinator/round/types.h"
#include "millrace/v1/common.pb.h"

namespace millrace {

/// The caller's name, from the certificate that TLS has verified. PERMISSION_DENIED, naming caller
/// and role, unless it is a `role`; UNAUTHENTICATED without a Millrace certificate.
absl::StatusOr<std::string> RequireRole(const grpc::ServerContextBase& context, Role role);

/// Any role will do; returns the identity.
absl::StatusOr<Identity> PeerOf(const grpc::ServerContextBase& context);

/// The caller's certificate that TLS has verified, DER. UNAUTHENTICATED without one.
absl::StatusOr<std::string> PeerCertificate(const grpc::ServerContextBase& context);

grpc::Status ToGrpc(const absl::Status& status);

RoundId FromProto(const v1::RoundId& proto);

/// INVALID_ARGUMENT, naming `field`, unless `bytes` are a SHA-256.
absl::StatusOr<Digest> DigestFromProto(absl::string_view field, const std::string& bytes);

}  // namespace millrace
