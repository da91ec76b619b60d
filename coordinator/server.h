// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/steady_clock.h"
#include "coordinator/config.h"

namespace millrace {

/// A running coordinator: store, engine and rpc services of one process.
class CoordinatorServer {
 public:
  /// Checks the certificate, opens the store, takes up its runs and listens. Messages name the file
  /// or the address and the reason. The clocks outlive the server: the wall's, and one that nobody
  /// sets.
  static absl::StatusOr<std::unique_ptr<CoordinatorServer>> Start(const CoordinatorConfig& config,
                                                                  Clock* clock,
                                                                  Clock* steady = SteadyClock());
  /// Ends every call and returns once all is quiet.
  virtual ~CoordinatorServer() = default;

  /// The port it listens on.
  virtual int port() const = 0;
};

}  // namespace millrace
