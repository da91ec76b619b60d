// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/publish_revocation.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace millrace {

absl::StatusOr<ExitCode> PublishRevocation(const CommandContext& context, const std::string& kind,
                                           const std::string& name, const std::string& list) {
  v1::PublishRequest request;
  request.set_revocation_list(list);
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  const absl::StatusOr<v1::PublishResponse> published = connection->enrollment().Publish(request);
  if (!published.ok()) {
    return Annotate(published.status(),
                    "the list is signed but the coordinator does not have it yet; run this again");
  }
  const bool cut = !published->cut().empty();
  return context.Show(
      absl::StrCat(kind, " ", name, " is revoked", cut ? "; its calls have ended" : "", "\n"),
      {{kind, name}, {"revoked", true}, {"was_connected", cut}});
}

}  // namespace millrace
