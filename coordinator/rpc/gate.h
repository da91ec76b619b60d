// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include "coordinator/enrollment/membership.h"

namespace millrace {

/// Stands before every call of every service. The port asks for a certificate without insisting,
/// so that sites can enroll; here all other calls without one end, UNAUTHENTICATED, and those of
/// certificates that no longer count, PERMISSION_DENIED if revoked. Which role may make which call
/// is each service's to say. Thread-safe; `membership` outlives it.
class Gate final : public grpc::AuthMetadataProcessor {
 public:
  explicit Gate(Membership* membership) : membership_(membership) {}

  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context,
                       OutputMetadata* consumed, OutputMetadata* response) override;

 private:
  Membership* const membership_;
};

}  // namespace millrace
