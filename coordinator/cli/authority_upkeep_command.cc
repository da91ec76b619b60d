// SPDX-License-Identifier: Apache-2.0
// What an authority does while its federation runs: millrace authority renew, publish, rotate,
// retire.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/text.h"
#include "coordinator/cli/certify.h"
#include "coordinator/cli/command.h"

namespace millrace {
namespace {

struct RenewArguments {
  int days = static_cast<int>(kDefaultCertificateLife / absl::Hours(24));
  bool watch = false;
  int64_t every_s = 60;
};

/// One pass over the renewals that wait; a request that is refused keeps no other from its
/// certificate.
absl::StatusOr<Json> RenewOnce(const CommandContext& context, const RenewArguments& arguments) {
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_ASSIGN_OR_RETURN(const v1::ListRequestsResponse waiting,
                      connection->enrollment().ListRequests(false));
  Json renewed = Json::array();
  Json refused = Json::array();
  for (const v1::SigningRequest& request : waiting.requests()) {
    if (request.certificate().empty()) continue;
    MR_ASSIGN_OR_RETURN(const auto folder, context.OpenAuthority());
    const absl::StatusOr<absl::Time> not_after =
        Certify(request, "", absl::Hours(24) * arguments.days, context.Now(), *folder,
                connection->enrollment());
    if (not_after.ok()) {
      renewed.push_back(
          {{"site", request.site()}, {"not_after", JsonTime(absl::ToUnixMillis(*not_after))}});
    } else {
      context.console->Complain(Printable(not_after.status().message()));
      refused.push_back({{"site", request.site()}, {"error", not_after.status().message()}});
    }
  }
  return Json{{"renewed", std::move(renewed)}, {"refused", std::move(refused)}};
}

std::string RenewedText(const Json& pass) {
  std::string text;
  for (const Json& renewed : pass["renewed"]) {
    absl::StrAppend(&text, "site ", renewed["site"].get<std::string>(), " renewed until ",
                    renewed["not_after"].get<std::string>(), "\n");
  }
  return text;
}

absl::StatusOr<ExitCode> Renew(const CommandContext& context, const RenewArguments& arguments) {
  while (true) {
    const absl::StatusOr<Json> pass = RenewOnce(context, arguments);
    if (!arguments.watch) {
      MR_RETURN_IF_ERROR(pass.status());
      const std::string text = RenewedText(*pass);
      context.Show(text.empty() ? "no renewal waits\n" : text, *pass);
      return (*pass)["refused"].empty() ? ExitCode::kOk : ExitCode::kRefused;
    }
    if (!pass.ok()) {
      context.console->Complain(Printable(pass.status().message()));
    } else if (!(*pass)["renewed"].empty()) {
      context.console->Print(context.json ? JsonLine(*pass) : RenewedText(*pass));
    }
    context.environment->clock->Sleep(absl::Seconds(arguments.every_s));
  }
}

v1::PublishRequest Publication(const SignedTrust& signed_trust) {
  v1::PublishRequest request;
  v1::TrustStatement& statement = *request.mutable_statement();
  statement.set_number(signed_trust.next.number);
  for (const std::string& der : signed_trust.next.certificates) statement.add_authorities(der);
  statement.set_signature(signed_trust.signature);
  return request;
}

/// What the coordinator has not of the authorities' changes.
struct MissingStatements {
  std::vector<SignedTrust> newer;  // than what it has, in their order
  std::vector<SignedTrust>
      earlier;  // each of which is known by the one that follows, from the last
};

absl::StatusOr<MissingStatements> StatementsFor(EnrollmentCalls& coordinator,
                                                AuthorityFolder& folder) {
  MR_ASSIGN_OR_RETURN(std::vector<SignedTrust> missing, folder.Statements());
  MR_ASSIGN_OR_RETURN(const v1::Trust held, coordinator.GetTrust());
  int64_t reached = held.number();
  for (const v1::TrustStatement& statement : held.statements()) {
    reached = std::max(reached, statement.number());
    std::erase_if(missing,
                  [&](const auto& kept) { return kept.next.number == statement.number(); });
  }
  const auto news = std::ranges::find_if(
      missing, [&](const SignedTrust& kept) { return kept.next.number > reached; });
  MissingStatements sorted{{news, missing.end()}, {missing.begin(), news}};
  std::ranges::reverse(sorted.earlier);
  return sorted;
}

/// Up to the first that the coordinator does not take; how many it took is added to `*taken`.
absl::Status PublishStatements(EnrollmentCalls& coordinator,
                               const std::vector<SignedTrust>& statements, int* taken) {
  for (const SignedTrust& statement : statements) {
    MR_RETURN_IF_ERROR(coordinator.Publish(Publication(statement)).status());
    ++*taken;
  }
  return absl::OkStatus();
}

/// Also where nothing has changed: the coordinator may have lost it.
absl::StatusOr<ExitCode> PublishAll(const CommandContext& context) {
  MR_ASSIGN_OR_RETURN(const auto folder, context.OpenAuthority());
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  EnrollmentCalls& coordinator = connection->enrollment();
  MR_ASSIGN_OR_RETURN(const MissingStatements missing, StatementsFor(coordinator, *folder));
  int statements = 0;
  absl::Status newer = PublishStatements(coordinator, missing.newer, &statements);
  if (absl::IsFailedPrecondition(newer)) {
    newer = Annotate(newer,
                     "the coordinator is behind by more than the folder can hand over: copy "
                     "authority.crt to it, start it anew, and repeat this");
  }
  // Whatever becomes of the statements: who is revoked has to be out.
  v1::PublishRequest request;
  MR_ASSIGN_OR_RETURN(*request.mutable_revocation_list(), folder->SignAnew(context.Now()));
  const absl::Status listed = coordinator.Publish(request).status();
  MR_RETURN_IF_ERROR(newer);
  MR_RETURN_IF_ERROR(listed);
  if (const absl::Status earlier = PublishStatements(coordinator, missing.earlier, &statements);
      !earlier.ok()) {
    context.console->Complain(
        absl::StrCat("sites that missed several changes of authorities may have to enroll anew: ",
                     earlier.message()));
  }
  MR_ASSIGN_OR_RETURN(const RevocationList list, folder->Revoked());
  const std::string trust =
      statements == 0 ? "" : absl::StrCat(", and ", statements, " changes of authorities");
  return context.Show(
      absl::StrCat("the coordinator has revocation list ", list.number, ", with ",
                   list.since.size(), " certificates", trust, "\n"),
      {{"list", list.number}, {"certificates", list.since.size()}, {"statements", statements}});
}

absl::StatusOr<ExitCode> Rotate(const CommandContext& context) {
  MR_ASSIGN_OR_RETURN(const auto folder, context.OpenAuthority());
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_ASSIGN_OR_RETURN(const AuthorityFolder::Rotation rotation,
                      folder->BeginRotation(context.Now()));
  MR_RETURN_IF_ERROR(folder->KeepStatement(rotation.statement));
  MR_RETURN_IF_ERROR(connection->enrollment().Publish(Publication(rotation.statement)).status());
  MR_ASSIGN_OR_RETURN(const std::string revoked, folder->FinishRotation(rotation, context.Now()));
  if (!revoked.empty()) {
    v1::PublishRequest request;
    request.set_revocation_list(revoked);
    MR_RETURN_IF_ERROR(connection->enrollment().Publish(request).status());
  }
  MR_RETURN_IF_ERROR(folder->EndRotation());
  return context.Show(
      absl::StrCat("a new authority signs from now on; the old one still counts\n"
                   "next: `millrace authority issue` the coordinator's and the people's files "
                   "anew; once every site\nhas renewed its certificate: millrace authority "
                   "retire\n"),
      {{"number", rotation.statement.next.number},
       {"authorities", rotation.statement.next.certificates.size()}});
}

absl::StatusOr<ExitCode> Retire(const CommandContext& context) {
  MR_ASSIGN_OR_RETURN(const auto folder, context.OpenAuthority());
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_ASSIGN_OR_RETURN(const SignedTrust statement, folder->Retirement());
  MR_RETURN_IF_ERROR(folder->KeepStatement(statement));
  MR_RETURN_IF_ERROR(connection->enrollment().Publish(Publication(statement)).status());
  MR_RETURN_IF_ERROR(folder->Trust(statement.next));
  return context.Show("the old authority counts no more\n",
                      {{"number", statement.next.number}, {"authorities", 1}});
}

}  // namespace

void AddAuthorityUpkeepCommands(CLI::App* authority_group, CommandContext* context) {
  const auto arguments = std::make_shared<RenewArguments>();
  CLI::App* renew = AddCommand(
      authority_group, "renew",
      "Sign the certificates that sites ask for before theirs end: of sites whose present\n"
      "certificate counts, no person is needed. Run it from a timer, daily at least, or with\n"
      "--watch.",
      "millrace authority renew --authority authority/", context,
      [=] { return Renew(*context, *arguments); });
  renew->add_option("--days", arguments->days, "How long the certificates are valid")
      ->check(CLI::Range(1, kMaxCertificateDays))
      ->type_name("DAYS")
      ->capture_default_str();
  renew->add_flag("--watch", arguments->watch, "Go on until it is stopped");
  renew->add_option("--every", arguments->every_s, "Between two looks with --watch")
      ->check(CLI::Range(1, 86400))
      ->type_name("SECONDS")
      ->capture_default_str();
  AddConnectionOptions(renew, context);

  CLI::App* publish = AddCommand(
      authority_group, "publish",
      "Hand the coordinator the revocation list as it stands, and what changes of authorities it\n"
      "has not: after `millrace restore`, since the backup does not have what was revoked or "
      "rotated\n"
      "after it was made. Safe to repeat.",
      "millrace authority publish --authority authority/", context,
      [=] { return PublishAll(*context); });
  AddConnectionOptions(publish, context);

  CLI::App* rotate = AddCommand(
      authority_group, "rotate",
      "Make a new authority and have it take over: the old one signs that it counts, the\n"
      "coordinator passes that on, and every site accepts it. Both count until `retire`. Safe to\n"
      "repeat after a failure.",
      "millrace authority rotate --authority authority/", context,
      [=] { return Rotate(*context); });
  AddConnectionOptions(rotate, context);

  CLI::App* retire = AddCommand(
      authority_group, "retire",
      "End the old authority after `rotate`: certificates that it signed count no more. First let\n"
      "every site renew (30 days, or their certificates' life), and issue the coordinator's and\n"
      "the people's files anew.",
      "millrace authority retire --authority authority/", context,
      [=] { return Retire(*context); });
  AddConnectionOptions(retire, context);
}

}  // namespace millrace
