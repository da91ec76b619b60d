// SPDX-License-Identifier: Apache-2.0
// How the services answer the command line: who may, and, for changes, what is written of it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "coordinator/enrollment/audit_log.h"
#include "coordinator/rpc/peer.h"

namespace millrace {

/// Runs `body` for whoever has at least `role`, and answers with its status.
template <typename Body>
grpc::ServerUnaryReactor* ForRole(grpc::CallbackServerContext* context, Role role,
                                  const Body& body) {
  const absl::Status allowed = RequireRole(*context, role).status();
  return Answer(context, allowed.ok() ? Guarded(body) : allowed);
}

/// The same for a change, which is audited, also when it is refused. `body` gets who asks
/// ("operator ada"), and the object's name to complete it.
template <typename Body>
grpc::ServerUnaryReactor* ForChange(grpc::CallbackServerContext* context, AuditLog* audit,
                                    Role role, absl::string_view action, std::string object,
                                    const Body& body) {
  const auto change = [&]() -> absl::Status {
    MR_ASSIGN_OR_RETURN(const Identity peer, PeerOf(*context));
    const std::string actor = absl::StrCat(RoleName(peer.role), " ", peer.name);
    AuditedChange asked{actor, std::string(action), std::move(object)};
    const absl::Status allowed = RequireRole(*context, role).status();
    if (allowed.ok()) {
      return audit->Record(std::move(asked), [&](std::string* name) { return body(actor, name); });
    }
    // What sites try is in the coordinator's own log: thousands of them must not fill this one.
    if (IsOfCommandLine(peer.role)) audit->Refused(asked, allowed);
    return allowed;
  };
  return Answer(context, Guarded(change));
}

}  // namespace millrace
