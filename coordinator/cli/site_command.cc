// SPDX-License-Identifier: Apache-2.0
#include "base/status.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/format_request.h"
#include "coordinator/cli/format_site.h"

namespace millrace {
namespace {

absl::StatusOr<ExitCode> ListSites(const CommandContext& context) {
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_ASSIGN_OR_RETURN(const v1::ListSitesResponse sites, connection->ListSites());
  MR_ASSIGN_OR_RETURN(const v1::ListRequestsResponse requests,
                      connection->enrollment().ListRequests(false));
  Json document = SitesJson(sites);
  document.update(RequestsJson(requests));
  return context.Show(SitesText(sites, context.Now()) + RequestsText(requests, context.Now()),
                      document);
}

}  // namespace

void AddSiteCommands(CLI::App* app, CommandContext* context) {
  CLI::App* group = AddGroup(app, "site", "The sites of the federation");
  CLI::App* command = AddCommand(
      group, "list",
      "List the sites that have ever checked in: whether each is connected, what it is doing, how\n"
      "many of its updates were accepted. A site counts as connected if it was heard of within "
      "the\n"
      "last minute. Requests for certificates that wait for an answer stand below.",
      "millrace site list", context, [=] { return ListSites(*context); });
  AddConnectionOptions(command, context);
  AddEnrollmentCommands(group, context);
}

}  // namespace millrace
