// SPDX-License-Identifier: Apache-2.0
#include "client/inference/relearn_order.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "client/inference/machine_verdict.h"

namespace millrace {
namespace {

/// What drift is watched of at such machines.
std::vector<std::string> WatchedOf(const MachineConfig& kind) {
  std::vector<std::string> watched;
  for (size_t i = 0; i < kind.OwnChannels(); ++i) watched.push_back(kind.channels[i].name);
  if (!kind.model.empty()) watched.emplace_back(kScoreChannel);
  return watched;
}

absl::Status CheckOrderOf(const RelearnOrder& order, const MachineConfig& kind) {
  if (!kind.drift) {
    return absl::FailedPreconditionError(
        "no drift is watched here; the table [drift] of the site's file has it watched");
  }
  const std::vector<std::string> watched = WatchedOf(kind);
  for (const std::string& channel : order.channels) {
    if (std::ranges::find(watched, channel) != watched.end()) continue;
    return absl::NotFoundError(absl::StrCat("no drift of a channel '", channel,
                                            "' is watched; there are ",
                                            absl::StrJoin(watched, ", ")));
  }
  if (!order.threshold) return absl::OkStatus();
  if (kind.model.empty()) {
    return absl::FailedPreconditionError("no model judges it, so it has no threshold");
  }
  if (kind.threshold > 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "its threshold is not learnt: the site's file has threshold = ", kind.threshold));
  }
  return absl::OkStatus();
}

}  // namespace

bool RelearnOrder::Covers(absl::string_view channel) const {
  return channels.empty() || std::ranges::find(channels, channel) != channels.end();
}

absl::Status CheckOrder(const RelearnOrder& order, const std::vector<MachineConfig>& machines) {
  for (const MachineConfig& kind : machines) {
    if (std::ranges::find(kind.names, order.machine) == kind.names.end()) continue;
    return Annotate(CheckOrderOf(order, kind), absl::StrCat("machine '", order.machine, "'"));
  }
  return absl::NotFoundError(
      absl::StrCat("machine '", order.machine, "': no [[machine]] of the site has this name"));
}

absl::Status CheckThresholdOrder(const RelearnOrder& order, const Plan& serving) {
  if (!order.threshold || serving.task() == Task::kReconstruction) return absl::OkStatus();
  const char* const task =
      serving.task() == Task::kClassification ? "a classification" : "a regression";
  return absl::FailedPreconditionError(
      absl::StrCat("machine '", order.machine, "': the model that serves it is ", task,
                   ", which learns no threshold; leave out --threshold"));
}

std::string ChannelsText(const RelearnOrder& order) {
  return order.channels.empty() ? "all" : absl::StrJoin(order.channels, ", ");
}

}  // namespace millrace
