// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "coordinator/cli/authority_files.h"
#include "coordinator/cli/certify.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/units.h"

namespace millrace {
namespace {

struct InitArguments {
  std::string federation;
  std::string out;
};

absl::StatusOr<ExitCode> Init(const CommandContext& context, const InitArguments& arguments) {
  MR_RETURN_IF_ERROR(InitAuthority(context.environment->files, arguments.out, arguments.federation,
                                   context.Now()));
  const std::string key = ResolvePath(arguments.out, kAuthorityKeyFile);
  const std::string certificate = ResolvePath(arguments.out, kAuthorityCertificateFile);
  return context.Show(
      absl::StrCat("authority of federation ", arguments.federation, " made\n  ", key,
                   "  the secret: keep it off the coordinator and the sites\n  ", certificate,
                   "  for everyone\n"),
      {{"federation", arguments.federation}, {"key", key}, {"certificate", certificate}});
}

void AddInit(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<InitArguments>();
  CLI::App* command = AddCommand(
      group, "init",
      "Make a federation's authority: the key that signs the certificates of sites, coordinators\n"
      "and operators. Writes authority.key (mode 0600) and authority.crt, valid for ten years.\n"
      "Whoever holds the key decides who belongs to the federation: keep it offline, and never on\n"
      "the coordinator.",
      "millrace authority init --federation acme-presses --out authority/", context,
      [=] { return Init(*context, *arguments); });
  command->add_option("--federation", arguments->federation, "The federation's name")
      ->required()
      ->type_name("NAME");
  command->add_option("--out", arguments->out, "Folder to write to")->required()->type_name("DIR");
}

struct IssueArguments {
  std::string authority;
  std::string role;
  std::string name;
  std::vector<std::string> hosts;
  int days = static_cast<int>(kDefaultCertificateLife / absl::Hours(24));
  std::string out;
};

/// `name` is one of RoleName's; the parser has seen to it.
Role RoleOf(const std::string& name) {
  for (const Role role : kRoles) {
    if (name == RoleName(role)) return role;
  }
  return Role::kOperator;
}

absl::StatusOr<ExitCode> Issue(const CommandContext& context, const IssueArguments& arguments) {
  CertificateRequest request;
  request.identity = {RoleOf(arguments.role), arguments.name};
  request.not_before = context.Now() - kClockTolerance;
  request.not_after = context.Now() + absl::Hours(24) * arguments.days;
  request.hosts = arguments.hosts;
  MR_ASSIGN_OR_RETURN(
      const IssuedFiles issued,
      IssueFiles(context.environment->files, arguments.authority, request, arguments.out));
  const int64_t not_after_ms = absl::ToUnixMillis(request.not_after);
  return context.Show(absl::StrCat(arguments.role, " ", arguments.name, " certified until ",
                                   HumanTime(not_after_ms, context.environment->zone), "\n  ",
                                   issued.key, "  a secret, for ", arguments.name, " only\n  ",
                                   issued.certificate, "\n  ", issued.authority, "\n"),
                      {{"role", arguments.role},
                       {"name", arguments.name},
                       {"not_after", JsonTime(not_after_ms)},
                       {"key", issued.key},
                       {"certificate", issued.certificate},
                       {"authority", issued.authority}});
}

void AddIssue(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<IssueArguments>();
  CLI::App* command = AddCommand(
      group, "issue",
      "Certify someone with a new key: writes NAME.key (mode 0600), NAME.crt and a copy of\n"
      "authority.crt, the three files it needs to take part. A coordinator is reached by the host\n"
      "names given with --host, and as localhost. Of those who use the command line viewers may\n"
      "look, operators also start runs and invite sites, approvers also let sites in. Publishers\n"
      "sign model packages (`millrace model sign`), which sites install only while the\n"
      "publisher's certificate counts. Sites better make their own keys: `millrace site invite`.",
      "millrace authority issue --authority authority/ --role coordinator --name coordinator \\\n"
      "    --host fl.acme.example --days 90 --out coordinator-files/",
      context, [=] { return Issue(*context, *arguments); });
  command
      ->add_option("--authority", arguments->authority,
                   "Folder with authority.key and authority.crt")
      ->required()
      ->type_name("DIR");
  command->add_option("--role", arguments->role, "What it is in the federation")
      ->required()
      ->check(CLI::IsMember({"site", "coordinator", "viewer", "operator", "approver", "publisher"}))
      ->type_name("ROLE");
  command->add_option("--name", arguments->name, "Its name in the federation")
      ->required()
      ->type_name("NAME");
  command
      ->add_option("--host", arguments->hosts,
                   "Host name or IP address of a coordinator; may be repeated")
      ->type_name("HOST");
  command->add_option("--days", arguments->days, "How long the certificate is valid")
      ->check(CLI::Range(1, kMaxCertificateDays))
      ->type_name("DAYS")
      ->capture_default_str();
  command->add_option("--out", arguments->out, "Folder to write to")->required()->type_name("DIR");
}

}  // namespace

void AddAuthorityCommands(CLI::App* app, CommandContext* context) {
  CLI::App* group = AddGroup(app, "authority", "Who belongs to the federation: keys, certificates");
  AddInit(group, context);
  AddIssue(group, context);
  AddAuthorityUpkeepCommands(group, context);
}

}  // namespace millrace
