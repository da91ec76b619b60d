// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace millrace {

/// HTTP for those who watch a coordinator: GET /metrics, and GET /healthz, which is 200 while
/// `health` is OK and 503 with its message otherwise. Without TLS and without a look at who asks:
/// meant for this machine or a network of the operator's own. Stops with the object.
class StatusServer {
 public:
  struct Pages {
    std::function<std::string()> metrics;  // called by several threads, like the other
    std::function<absl::Status()> health;
  };

  /// `listen` is host:port; port 0 picks a free one. UNAVAILABLE names the address.
  static absl::StatusOr<std::unique_ptr<StatusServer>> Start(const std::string& listen,
                                                             Pages pages);
  virtual ~StatusServer() = default;
  virtual int port() const = 0;
};

}  // namespace millrace
