// SPDX-License-Identifier: Apache-2.0
// Those who use the command line or sign packages: millrace person revoke.
#include <memory>
#include <string>
#include <vector>

#include "base/name.h"
#include "base/status.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/publish_revocation.h"

namespace millrace {
namespace {

struct RevokeArguments {
  std::string name;
  std::vector<std::string> serials;
};

absl::StatusOr<ExitCode> RevokePerson(const CommandContext& context,
                                      const RevokeArguments& arguments) {
  MR_RETURN_IF_ERROR(CheckName("person", arguments.name));
  MR_ASSIGN_OR_RETURN(const auto folder, context.OpenAuthority());
  MR_ASSIGN_OR_RETURN(const std::string list,
                      folder->RevokePerson(arguments.name, arguments.serials, context.Now()));
  return PublishRevocation(context, "person", arguments.name, list);
}

}  // namespace

void AddPersonCommands(CLI::App* app, CommandContext* context) {
  CLI::App* group = AddGroup(app, "person", "The people who use this command line, and publishers");
  const auto arguments = std::make_shared<RevokeArguments>();
  CLI::App* command = AddCommand(
      group, "revoke",
      "Put a person out: signs a revocation list with all certificates that the name has as\n"
      "viewer, operator, approver or publisher, and publishes it. The coordinator ends what the\n"
      "person watches or downloads at once, and refuses every later call; sites install nothing\n"
      "more on its signature.",
      "millrace person revoke bob --authority authority/", context,
      [=] { return RevokePerson(*context, *arguments); });
  command->add_option("NAME", arguments->name, "The person's name in the federation")->required();
  command
      ->add_option("--serial", arguments->serials,
                   "Also this certificate, which issued.log does not have; may be repeated")
      ->type_name("HEX");
  AddConnectionOptions(command, context);
}

}  // namespace millrace
