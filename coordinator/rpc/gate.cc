// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/gate.h"

#include <grpc/grpc_security_constants.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/rpc/entry_service.h"
#include "coordinator/rpc/peer.h"

namespace millrace {
namespace {

bool IsOpen(grpc::string_ref method) {
  return method == kGetTrustMethod || method == kEnrollMethod;
}

}  // namespace

grpc::Status Gate::Process(const InputMetadata& metadata, grpc::AuthContext* context,
                           OutputMetadata*, OutputMetadata*) {
  const auto method = metadata.find(":path");
  if (method != metadata.end() && IsOpen(method->second)) return grpc::Status::OK;
  const auto pem = context->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (pem.size() != 1) {
    return ToGrpc(absl::UnauthenticatedError(
        "this call needs a certificate that the federation's authority issued; a site gets its "
        "own with `millrace-client enroll`"));
  }
  return ToGrpc(Guarded([&] {
                  return membership_->Check({pem[0].data(), pem[0].size()});
                }).status());
}

}  // namespace millrace
