// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/format_request.h"
#include "coordinator/enrollment/audit_chain.h"

namespace millrace {
namespace {

struct AuditArguments {
  int64_t after = 0;
  std::string since;
};

/// Every entry above `after`.
absl::StatusOr<std::vector<v1::AuditEntry>> FetchAll(Connection& connection, int64_t after) {
  std::vector<v1::AuditEntry> entries;
  while (true) {
    MR_ASSIGN_OR_RETURN(const v1::ListAuditResponse page, connection.enrollment().ListAudit(after));
    if (page.entries().empty()) return entries;
    if (page.entries().rbegin()->sequence() <= after) {
      return absl::DataLossError(absl::StrCat("audit entry ", after + 1, ": is out of order"));
    }
    after = page.entries().rbegin()->sequence();
    entries.insert(entries.end(), page.entries().begin(), page.entries().end());
  }
}

absl::StatusOr<ExitCode> ListEntries(const CommandContext& context,
                                     const AuditArguments& arguments) {
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_ASSIGN_OR_RETURN(const std::vector<v1::AuditEntry> entries,
                      FetchAll(*connection, arguments.after));
  return context.Show(AuditText(entries, context.environment->zone), AuditJson(entries));
}

absl::StatusOr<ExitCode> Verify(const CommandContext& context, const AuditArguments& arguments) {
  Digest since;
  if (!arguments.since.empty()) {
    const absl::StatusOr<Digest> parsed = Digest::FromHex(arguments.since);
    if (!parsed.ok()) return Annotate(parsed.status(), "--since");
    since = *parsed;
  }
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_ASSIGN_OR_RETURN(const std::vector<v1::AuditEntry> entries, FetchAll(*connection, 0));
  AuditVerifier verifier;
  bool found = arguments.since.empty();
  for (const v1::AuditEntry& proto : entries) {
    MR_ASSIGN_OR_RETURN(const AuditEntry entry, FromProto(proto));
    MR_RETURN_IF_ERROR(verifier.Take(entry));
    found = found || entry.hash == since;
  }
  if (!found) {
    return absl::DataLossError(
        absl::StrCat("audit log: no entry of it has the hash ", arguments.since,
                     ", which was its head before: entries were removed or written anew"));
  }
  const std::string head = verifier.head().Hex();
  return context.Show(
      absl::StrCat(verifier.entries(), " entries, none changed; keep the head\n  ", head,
                   "\nand check the next time: millrace audit verify --since ", head, "\n"),
      {{"entries", verifier.entries()}, {"head", head}});
}

}  // namespace

void AddAuditCommands(CLI::App* app, CommandContext* context) {
  CLI::App* group = AddGroup(app, "audit", "Who changed what, and when");
  const auto arguments = std::make_shared<AuditArguments>();
  CLI::App* list = AddCommand(
      group, "list",
      "List every change that was asked for on the command line: who, when, what, and what came\n"
      "of it, the oldest first. Each has an entry from before it was made (\"asked\") and one "
      "with\n"
      "its result.",
      "millrace audit list --json | jq '.entries[-1]'", context,
      [=] { return ListEntries(*context, *arguments); });
  list->add_option("--after", arguments->after, "Only what comes after this entry")
      ->check(CLI::NonNegativeNumber)
      ->type_name("NUMBER");
  AddConnectionOptions(list, context);
  CLI::App* verify = AddCommand(
      group, "verify",
      "Check, on this machine, that no entry was changed, removed or moved: each one's hash "
      "covers\n"
      "all before it. The head that is printed vouches for the whole log: keep it, and give it\n"
      "as --since the next time, or a log that was cut off at its end goes unnoticed.",
      "millrace audit verify --since $(cat audit.head)", context,
      [=] { return Verify(*context, *arguments); });
  verify->add_option("--since", arguments->since, "The head that an earlier check printed")
      ->type_name("HASH");
  AddConnectionOptions(verify, context);
}

}  // namespace millrace
