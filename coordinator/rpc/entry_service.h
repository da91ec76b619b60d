// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include "base/clock.h"
#include "coordinator/enrollment/enrollment.h"
#include "coordinator/enrollment/membership.h"
#include "coordinator/rpc/entry_calls.h"
#include "coordinator/rpc/waiting_room.h"

namespace millrace {

/// What someone who has no certificate yet may call.
inline constexpr char kGetTrustMethod[] = "/millrace.v1.Enrollment/GetTrust";
inline constexpr char kEnrollMethod[] = "/millrace.v1.Enrollment/Enroll";

/// What the service works with; everything outlives it.
struct EntryParts {
  Enrollment* enrollment = nullptr;
  Membership* membership = nullptr;
  EntryCalls* calls = nullptr;
  WaitingRoom* room = nullptr;
  Clock* steady = nullptr;  // that nobody sets
};

/// The two methods of millrace.v1.Enrollment that need no certificate. They are apart from the
/// others so that a call has its place before a byte of its message is read: gRPC's own handlers of
/// unary methods read first. Answers UNIMPLEMENTED to every method that nobody serves.
class EntryService final : public grpc::CallbackGenericService {
 public:
  explicit EntryService(const EntryParts& parts) : parts_(parts) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

 private:
  const EntryParts parts_;
};

}  // namespace millrace
