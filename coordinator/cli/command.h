// SPDX-License-Identifier: Apache-2.0
// What the commands share. Each group of commands adds itself to the parser; the one that the
// arguments name leaves its action behind, which runs once parsing has succeeded.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/cli/authority_folder.h"
#include "coordinator/cli/cli.h"
#include "coordinator/cli/connection.h"
#include "coordinator/cli/console.h"
#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/json.h"
#include "coordinator/cli/profile.h"

namespace millrace {

/// Outlives the parser.
struct CommandContext {
  const CliEnvironment* environment = nullptr;
  Console* console = nullptr;
  bool json = false;
  std::shared_ptr<const ConnectionFlags> connection_flags;  // of the command that was named
  std::function<absl::StatusOr<ExitCode>()> action;

  absl::Time Now() const { return environment->clock->Now(); }
  absl::StatusOr<std::unique_ptr<Connection>> Connect() const;
  /// The folder that --authority names, for what signs. INVALID_ARGUMENT if it holds no key.
  absl::StatusOr<std::unique_ptr<AuthorityFolder>> OpenAuthority() const;
  /// A command's result: `text`, or with --json the document.
  ExitCode Show(const std::string& text, const Json& json) const;
};

/// A group: a command that is only there for its subcommands.
CLI::App* AddGroup(CLI::App* parent, const std::string& name, const std::string& description);

/// A command with --json and a help that ends in `example`. `action` is what it does.
CLI::App* AddCommand(CLI::App* parent, const std::string& name, const std::string& description,
                     const std::string& example, CommandContext* context,
                     std::function<absl::StatusOr<ExitCode>()> action);

/// --coordinator, --certificate, --key, --authority and --profile.
void AddConnectionOptions(CLI::App* command, CommandContext* context);

void AddAuthorityCommands(CLI::App* app, CommandContext* context);
void AddPlanCommands(CLI::App* app, CommandContext* context);
void AddRunCommands(CLI::App* app, CommandContext* context);
void AddSiteCommands(CLI::App* app, CommandContext* context);
void AddPersonCommands(CLI::App* app, CommandContext* context);
void AddModelCommands(CLI::App* app, CommandContext* context);
void AddBackupCommands(CLI::App* app, CommandContext* context);
void AddAuditCommands(CLI::App* app, CommandContext* context);

// Parts of groups.
void AddEnrollmentCommands(CLI::App* site_group, CommandContext* context);
void AddAuthorityUpkeepCommands(CLI::App* authority_group, CommandContext* context);
void AddSignCommands(CLI::App* model_group, CommandContext* context);

}  // namespace millrace
