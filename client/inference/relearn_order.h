// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/inference/machine_config.h"
#include "plan/plan.h"

namespace millrace {

/// Somebody's order to learn anew what is normal of a machine: what it does from now on.
struct RelearnOrder {
  /// Whether it is of this channel, or of kScoreChannel.
  bool Covers(absl::string_view channel) const;

  std::string id;  // by which its file is found again
  std::string machine;
  std::vector<std::string> channels;  // kScoreChannel among them: the model's score; none: all
  bool threshold = false;             // that of the machine's alarms, too
  std::string by;                     // whose order it is
  std::string note;                   // why, one line; may be empty
};

/// NOT_FOUND names the machine or channel that is not among `machines`, FAILED_PRECONDITION what is
/// not learnt of it at all.
absl::Status CheckOrder(const RelearnOrder& order, const std::vector<MachineConfig>& machines);

/// FAILED_PRECONDITION where it is of the threshold too, and the model that serves the machine,
/// whose plan this is, judges by none.
absl::Status CheckThresholdOrder(const RelearnOrder& order, const Plan& serving);

/// "current, speed", or "all", for people.
std::string ChannelsText(const RelearnOrder& order);

}  // namespace millrace
