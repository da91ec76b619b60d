// SPDX-License-Identifier: Apache-2.0
#include "client/drift_command.h"

#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/status.h"
#include "base/text.h"
#include "client/drift_board.h"
#include "client/drift_report.h"
#include "client/inference/machine_verdict.h"
#include "client/relearn_folder.h"
#include "client/release/model_folder.h"
#include "client/release/staging.h"
#include "models/package.h"

namespace millrace {
namespace {

constexpr size_t kMostOrderText = 1000;  // bytes

/// Of who runs this, where nothing says whose order it is.
std::string NameOfWhoAsks() {
  const passwd* const entry = getpwuid(getuid());
  return entry != nullptr ? entry->pw_name : absl::StrCat("#", getuid());
}

/// Whether what serves has such a threshold, as far as something does.
absl::Status CheckAgainstModel(const RelearnOrder& order, const SiteConfig& config) {
  for (const MachineConfig& kind : config.live.machines) {
    if (!order.threshold || std::ranges::find(kind.names, order.machine) == kind.names.end()) {
      continue;
    }
    const ModelFolder folder(PosixFileSystem(), config.folder, kind.model);
    const absl::StatusOr<ModelPackage> serving =
        ReadPackage(PosixFileSystem(), folder.CurrentPath());
    if (serving.ok()) return CheckThresholdOrder(order, serving->plan);
  }
  return absl::OkStatus();
}

}  // namespace

DriftCommand::DriftCommand(CLI::App& app) {
  drift_ = app.add_subcommand("drift", "what drifts at the machines, and what of it is normal now");
  drift_->require_subcommand(1);
  drift_->add_option("--config", config_, "the site's TOML file")->required();
  list_ = drift_->add_subcommand("list", "one line for each channel that drifts or learns anew");
  list_->add_flag("--json", json_, "as JSON");
  relearn_ = drift_->add_subcommand(
      "relearn", "what a machine does is normal from now on: the daemon learns it anew");
  relearn_->add_option("machine", order_.machine)->required()->type_name("MACHINE");
  relearn_
      ->add_option("channels", order_.channels,
                   absl::StrCat("of these alone, '", kScoreChannel, "' for the model's score"))
      ->type_name("CHANNEL");
  relearn_->add_flag("--threshold", order_.threshold,
                     "the threshold of its alarms too: no verdicts until it is learnt");
  relearn_->add_option("--note", order_.note, "why, one line")->type_name("TEXT");
  relearn_->add_option("--by", order_.by, "whose order it is; default: who runs this")
      ->envname("SUDO_USER")
      ->type_name("NAME");
  for (CLI::App* const command : {list_, relearn_}) {
    command->fallthrough();  // so that --config may stand behind
  }
}

bool DriftCommand::parsed() const { return drift_->parsed(); }

absl::Status DriftCommand::Run() {
  MR_ASSIGN_OR_RETURN(const SiteConfig config, ReadSiteConfig(config_, SiteConfigUse::kDaemon));
  const bool watched = std::ranges::any_of(
      config.live.machines, [](const MachineConfig& kind) { return kind.drift.has_value(); });
  if (!watched) {
    return absl::FailedPreconditionError(
        absl::StrCat(config_, ": it has no table [drift], so no drift is watched"));
  }
  return list_->parsed() ? List(config) : Relearn(config);
}

absl::Status DriftCommand::List(const SiteConfig& config) const {
  absl::StatusOr<DriftingChannels> drifting =
      ReadDriftingChannels(PosixFileSystem(), config.folder);
  if (absl::IsNotFound(drifting.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat(config.folder,
                     ": no daemon has said here what drifts; start it with [drift] in ", config_));
  }
  MR_RETURN_IF_ERROR(drifting.status());
  MR_ASSIGN_OR_RETURN(const std::vector<RelearnOrder> orders,
                      RelearnFolder(PosixFileSystem(), config.folder).Waiting());
  std::fputs(DriftList(*drifting, orders, json_).c_str(), stdout);
  return absl::OkStatus();
}

absl::Status DriftCommand::Relearn(const SiteConfig& config) {
  if (order_.by.empty()) order_.by = NameOfWhoAsks();
  order_.by = Printable(Utf8(order_.by, kMostOrderText));
  order_.note = Printable(Utf8(order_.note, kMostOrderText));
  MR_RETURN_IF_ERROR(Annotate(CheckOrder(order_, config.live.machines), config_));
  MR_RETURN_IF_ERROR(CheckStateOwner(config.folder, geteuid()));
  MR_RETURN_IF_ERROR(CheckAgainstModel(order_, config));
  MR_RETURN_IF_ERROR(
      RelearnFolder(PosixFileSystem(), config.folder).Give(order_, SystemClock()->Now()));
  std::printf("the daemon learns anew what is normal of %s (%s)%s; `drift list` shows it\n",
              order_.machine.c_str(), ChannelsText(order_).c_str(),
              order_.threshold ? ", and its threshold, without verdicts until it is learnt" : "");
  return absl::OkStatus();
}

}  // namespace millrace
