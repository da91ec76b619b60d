// SPDX-License-Identifier: Apache-2.0
// Events as the store keeps them: one JSON object each, readable with any SQLite tool.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "coordinator/round/types.h"

namespace millrace {

/// "round_opened", "update_accepted", ...
std::string EventKind(const Event& event);
std::string EventToJson(const Event& event);
/// INVALID_ARGUMENT for a kind or fields it does not know. `time` is stored beside the body.
absl::StatusOr<Event> EventFromJson(absl::Time time, const std::string& kind,
                                    const std::string& json);

}  // namespace millrace
