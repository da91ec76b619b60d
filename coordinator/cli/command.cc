// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/command.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "coordinator/cli/authority_files.h"

namespace millrace {

namespace {

/// Lists a group's commands by what each one's description says up to its first stop or colon.
class GroupFormatter final : public CLI::Formatter {
 public:
  std::string make_subcommand(const CLI::App* command) const override {
    std::string description = command->get_description();
    description.resize(std::min(description.find_first_of(".:"), description.size()));
    std::ostringstream line;
    CLI::detail::format_help(line, command->get_name(), description, get_column_width());
    return line.str();
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> CommandContext::Connect() const {
  MR_ASSIGN_OR_RETURN(const ConnectionOptions options,
                      ResolveConnection(*connection_flags, environment->files, Now()));
  return environment->connect(options);
}

absl::StatusOr<std::unique_ptr<AuthorityFolder>> CommandContext::OpenAuthority() const {
  MR_ASSIGN_OR_RETURN(const ConnectionFlags resolved,
                      ResolveFlags(*connection_flags, environment->files));
  if (environment->files->Exists(ResolvePath(resolved.authority, kAuthorityKeyFile))) {
    return AuthorityFolder::Open(environment->files, resolved.authority);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--authority ", resolved.authority,
                   ": holds no authority.key; this command signs, and needs the folder that "
                   "`millrace authority init` made"));
}

ExitCode CommandContext::Show(const std::string& text, const Json& document) const {
  console->Print(json ? JsonDocument(document) : text);
  return ExitCode::kOk;
}

CLI::App* AddGroup(CLI::App* parent, const std::string& name, const std::string& description) {
  CLI::App* group = parent->add_subcommand(name, description);
  group->require_subcommand(1);
  group->formatter(std::make_shared<GroupFormatter>());
  group->footer(
      absl::StrCat("Help on one of them: millrace ", name, " COMMAND --help\n\n", kExitCodesHelp));
  return group;
}

CLI::App* AddCommand(CLI::App* parent, const std::string& name, const std::string& description,
                     const std::string& example, CommandContext* context,
                     std::function<absl::StatusOr<ExitCode>()> action) {
  CLI::App* command = parent->add_subcommand(name, description);
  command->formatter(std::make_shared<CLI::Formatter>());
  command->footer(absl::StrCat("Example:\n  ", example, "\n\n", kExitCodesHelp));
  command->add_flag("--json", context->json,
                    "Write JSON to standard output, errors too: {\"error\": {\"code\", "
                    "\"message\"}}");
  command->callback([context, action = std::move(action)] { context->action = action; });
  return command;
}

void AddConnectionOptions(CLI::App* command, CommandContext* context) {
  // Each command has its own: the parser fills those of every command from the environment.
  const auto flags = std::make_shared<ConnectionFlags>();
  command->preparse_callback([=](size_t) { context->connection_flags = flags; });
  const auto add = [&](const char* name, std::string* value, const char* environment,
                       const char* type, const char* description) {
    command->add_option(name, *value, description)
        ->envname(environment)
        ->type_name(type)
        ->group("Connection");
  };
  add("--coordinator", &flags->coordinator, "MILLRACE_COORDINATOR", "HOST:PORT",
      "The coordinator's address");
  add("--certificate", &flags->certificate, "MILLRACE_CERTIFICATE", "FILE",
      "The certificate of who calls: a viewer, an operator or an approver");
  add("--key", &flags->key, "MILLRACE_KEY", "FILE", "The certificate's private key");
  add("--authority", &flags->authority, "MILLRACE_AUTHORITY", "FILE",
      "The federation authority's certificate, or the folder that `authority init` made");
  add("--profile", &flags->profile, "MILLRACE_PROFILE", "FILE",
      "A millrace.toml that has them: [coordinator] address, [identity] certificate, key, "
      "authority");
}

}  // namespace millrace
