// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "coordinator/cli/command.h"

namespace millrace {

/// Hands the coordinator a revocation list (PEM) that `name`, a site or a person as `kind` says,
/// was put on, and shows what came of it.
absl::StatusOr<ExitCode> PublishRevocation(const CommandContext& context, const std::string& kind,
                                           const std::string& name, const std::string& list);

}  // namespace millrace
