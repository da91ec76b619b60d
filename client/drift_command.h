// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"
#include "client/config.h"
#include "client/inference/relearn_order.h"

namespace CLI {
class App;
}  // namespace CLI

namespace millrace {

/// `millrace-client drift`: what drifts at a site, and what of it is normal from now on.
class DriftCommand {
 public:
  /// Adds the subcommand to `app`, which outlives this object.
  explicit DriftCommand(CLI::App& app);

  /// Whether the command line asked for it.
  bool parsed() const;
  /// Does what it asks for.
  absl::Status Run();

 private:
  absl::Status List(const SiteConfig& config) const;
  absl::Status Relearn(const SiteConfig& config);

  CLI::App* drift_;
  CLI::App* list_;
  CLI::App* relearn_;
  std::string config_;
  bool json_ = false;
  RelearnOrder order_;
};

}  // namespace millrace
