// SPDX-License-Identifier: Apache-2.0
// Backups of a coordinator's state folder, on its own machine.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/text.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/local_file.h"
#include "coordinator/cli/units.h"
#include "coordinator/storage/backup.h"

namespace millrace {
namespace {

struct Folders {
  std::string storage;
  std::string backup;
};

/// What was copied; where something was lost, that is an error all the same.
ExitCode ShowReport(const CommandContext& context, const std::string& done,
                    const BackupReport& report, absl::string_view next = "") {
  std::string text =
      absl::StrCat(done, ": ", HumanCount(report.runs), " runs, ", HumanCount(report.models),
                   " models, ", HumanBytes(report.bytes), ", every digest checked\n", next);
  for (const std::string& loss : report.losses) {
    absl::StrAppend(&text, "damaged or missing: ", Printable(loss), "\n");
  }
  const ExitCode shown = context.Show(text, {{"runs", report.runs},
                                             {"models", report.models},
                                             {"bytes", report.bytes},
                                             {"losses", report.losses}});
  return report.losses.empty() ? shown : ExitCode::kRefused;
}

absl::StatusOr<ExitCode> RunBackup(const CommandContext& context, const Folders& folders) {
  const absl::StatusOr<BackupReport> report =
      Backup(context.environment->files, folders.storage, folders.backup, context.Now());
  if (!report.ok()) return LocalStatus(report.status());
  return ShowReport(context, absl::StrCat("backed up to ", folders.backup), *report);
}

absl::StatusOr<ExitCode> RunRestore(const CommandContext& context, const Folders& folders) {
  const absl::StatusOr<BackupReport> report =
      Restore(context.environment->files, folders.backup, folders.storage, context.Now());
  if (!report.ok()) return LocalStatus(report.status());
  return ShowReport(context, absl::StrCat("restored to ", folders.storage), *report,
                    "next, once the coordinator runs: `millrace authority publish`, for what was "
                    "revoked after the backup.\nWas the authority rotated after it: copy "
                    "authority.crt to the coordinator before\n");
}

void AddFolders(CLI::App* command, const std::shared_ptr<Folders>& folders,
                const std::string& backup_option, const std::string& backup_help,
                const std::string& storage_help) {
  command->add_option("--storage", folders->storage, storage_help)->required()->type_name("DIR");
  command->add_option(backup_option, folders->backup, backup_help)->required()->type_name("DIR");
}

}  // namespace

void AddBackupCommands(CLI::App* app, CommandContext* context) {
  const auto backup = std::make_shared<Folders>();
  AddFolders(
      AddCommand(
          app, "backup",
          "Copy a coordinator's state, on its machine, while it runs: every run, its events\n"
          "and its models, each compared with its digest. Updates of open rounds are left\n"
          "out. Keys and certificates are not in the state folder.",
          "millrace backup --storage /var/lib/millrace --to /backup/2026-11-21", context,
          [=] { return RunBackup(*context, *backup); }),
      backup, "--to", "Folder to make, which must not be there",
      "The coordinator's [storage] folder");
  const auto restored = std::make_shared<Folders>();
  AddFolders(
      AddCommand(
          app, "restore",
          "Make a state folder from a backup, for a coordinator to start on. Runs go on with\n"
          "the round after their last version in the backup; open rounds are tried again.\n"
          "The coordinator that the backup is of must not run any more.",
          "millrace restore --from /backup/2026-11-21 --storage /var/lib/millrace", context,
          [=] { return RunRestore(*context, *restored); }),
      restored, "--from", "Folder of the backup", "Folder to make, which must be absent or empty");
}

}  // namespace millrace
