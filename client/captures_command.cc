// SPDX-License-Identifier: Apache-2.0
#include "client/captures_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "base/status.h"
#include "base/text.h"
#include "client/capture/capture_folder.h"
#include "client/capture/capture_report.h"
#include "client/data/capture_export.h"
#include "client/release/staging.h"

namespace millrace {
namespace {

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

absl::StatusOr<CaptureEntry> EntryOf(const CaptureFolder& folder, const std::string& id) {
  MR_ASSIGN_OR_RETURN(const std::vector<CaptureEntry> entries, folder.List());
  const auto found = std::ranges::find(entries, id, &CaptureEntry::id);
  if (found != entries.end()) return *found;
  return absl::NotFoundError(absl::StrCat("capture '", id, "': there is none in ", folder.folder(),
                                          "; `captures list` names those there are"));
}

}  // namespace

CapturesCommand::CapturesCommand(CLI::App& app) {
  captures_ = app.add_subcommand("captures", "what the daemon has captured of the machines");
  captures_->require_subcommand(1);
  captures_->add_option("--config", config_, "the site's TOML file")->required();
  const auto add = [this](const char* name, const char* help) {
    CLI::App* const command = captures_->add_subcommand(name, help);
    command->fallthrough();  // so that --config may stand behind
    return command;
  };
  list_ = add("list", "one line for each");
  list_->add_flag("--json", json_, "as JSON");
  show_ = add("show", "what is known of one, and what its channels did");
  show_->add_option("capture", id_)->required()->type_name("ID");
  show_->add_flag("--json", json_, "as JSON");
  label_ = add("label", "say what it was: labelled captures train where [data] says so");
  label_->add_option("capture", id_)->required()->type_name("ID");
  label_->add_option("label", value_, "a class or number, 0: normal; \"none\" takes it back")
      ->required()
      ->type_name("LABEL");
  label_->add_option("--note", filled_.note, "one line, for people")->type_name("TEXT");
  label_->add_option("--by", filled_.by, "who says so")->type_name("NAME");
  take_ = add("take", "have the daemon capture what a machine does now");
  take_->add_option("machine", machine_)->required()->type_name("MACHINE");
  take_->add_option("--note", filled_.note, "why, one line")->type_name("TEXT");
  export_ = add("export", "write them for other programs, and for [data]");
  export_->add_option("captures", ids_, "all of them, if none is named")->type_name("ID");
  export_->add_flag("--labelled", labelled_, "only those that have a label");
  export_->add_option("--format", format_, "csv or npy")
      ->check(CLI::IsMember({"csv", "npy"}))
      ->capture_default_str();
  export_->add_option("--to", to_, "folder to write to")->required()->type_name("DIR");
}

bool CapturesCommand::parsed() const { return captures_->parsed(); }

absl::Status CapturesCommand::Run() {
  MR_ASSIGN_OR_RETURN(const SiteConfig config, ReadSiteConfig(config_, SiteConfigUse::kDaemon));
  if (!config.live.capture) {
    return absl::FailedPreconditionError(
        absl::StrCat(config_, ": it has no table [capture], so nothing is captured"));
  }
  return RunOn(config);
}

absl::Status CapturesCommand::RunOn(const SiteConfig& config) {
  CaptureFolder folder(PosixFileSystem(), config.live.capture->folder);
  if (list_->parsed()) {
    std::vector<std::string> damaged;
    MR_ASSIGN_OR_RETURN(const std::vector<CaptureEntry> entries, folder.List(&damaged));
    Print(CaptureList(entries, json_));
    for (const std::string& path : damaged) {
      std::fprintf(stderr, "%s: cannot be read and is passed over\n", Printable(path).c_str());
    }
    return absl::OkStatus();
  }
  if (show_->parsed()) {
    MR_ASSIGN_OR_RETURN(const CaptureEntry entry, EntryOf(folder, id_));
    MR_ASSIGN_OR_RETURN(const Capture capture, folder.Read(id_));
    Print(CaptureDetails(entry, capture, json_));
    return absl::OkStatus();
  }
  if (label_->parsed() || take_->parsed()) {
    MR_RETURN_IF_ERROR(CheckStateOwner(config.folder, geteuid()));
  }
  if (label_->parsed()) {
    if (value_ == "none") return folder.RemoveLabel(id_);
    if (!absl::SimpleAtod(value_, &filled_.value) || !std::isfinite(filled_.value)) {
      return absl::InvalidArgumentError(
          absl::StrCat("label '", value_, "': a class or another number, or \"none\""));
    }
    return folder.SetLabel(id_, filled_);
  }
  if (take_->parsed()) {
    const std::optional<std::string> recorded = RowsOfMachine(config.live.machines, machine_);
    if (!recorded) {
      return absl::NotFoundError(
          absl::StrCat("machine '", machine_, "': no [[machine]] of ", config_, " has this name"));
    }
    MR_RETURN_IF_ERROR(folder.Request(*recorded, filled_.note));
    Print(absl::StrCat("the daemon captures ", *recorded, "; `captures list` has it after ",
                       config.live.capture->after_s, " s\n"));
    return absl::OkStatus();
  }
  std::vector<CaptureEntry> chosen;
  if (ids_.empty()) {
    MR_ASSIGN_OR_RETURN(chosen, folder.List());
  }
  for (const std::string& id : ids_) {
    MR_ASSIGN_OR_RETURN(chosen.emplace_back(), EntryOf(folder, id));
  }
  if (labelled_) std::erase_if(chosen, [](const CaptureEntry& entry) { return !entry.label; });
  const CaptureFormat format = format_ == "npy" ? CaptureFormat::kNpy : CaptureFormat::kCsv;
  MR_ASSIGN_OR_RETURN(const int64_t count,
                      ExportCaptures(folder, chosen, format, PosixFileSystem(), to_));
  Print(absl::StrCat(count, " captures are in ", to_, "\n"));
  return absl::OkStatus();
}

}  // namespace millrace
