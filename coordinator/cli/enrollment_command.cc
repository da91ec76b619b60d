// SPDX-License-Identifier: Apache-2.0
// How sites come in and are put out: millrace site invite, approve, reject, revoke.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crypto/enrollment_token.h"
#include "base/crypto/signing_request.h"
#include "base/name.h"
#include "base/status.h"
#include "coordinator/cli/authority_files.h"
#include "coordinator/cli/certify.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/local_file.h"
#include "coordinator/cli/publish_revocation.h"
#include "coordinator/cli/units.h"

namespace millrace {
namespace {

constexpr int kMaxHours = 30 * 24;

struct EnrollmentArguments {
  std::string site;
  int hours = 24;
  int days = static_cast<int>(kDefaultCertificateLife / absl::Hours(24));
  std::string key;
  std::string reason;
  std::vector<std::string> serials;
};
using EnrollmentArgumentsPtr = std::shared_ptr<EnrollmentArguments>;

/// Of the federation as the operator knows it: not as the coordinator says.
absl::StatusOr<Digest> KnownTrust(const CommandContext& context) {
  MR_ASSIGN_OR_RETURN(
      const ConnectionOptions connection,
      ResolveConnection(*context.connection_flags, context.environment->files, context.Now()));
  MR_ASSIGN_OR_RETURN(const TrustedAuthorities authorities,
                      ParseAuthorities(connection.authority_pem));
  return TrustDigest(authorities);
}

/// Lets `approve` check the key by itself; without the folder a person compares.
absl::Status KeepProofKey(const CommandContext& context, const std::string& site,
                          const EnrollmentToken& token) {
  absl::StatusOr<std::unique_ptr<AuthorityFolder>> folder = context.OpenAuthority();
  if (absl::IsInvalidArgument(folder.status())) return absl::OkStatus();
  MR_RETURN_IF_ERROR(folder.status());
  return (*folder)->KeepInvitation(site, ProofKey(token));
}

absl::StatusOr<ExitCode> Invite(const CommandContext& context,
                                const EnrollmentArguments& arguments) {
  MR_RETURN_IF_ERROR(CheckName("site", arguments.site));
  MR_ASSIGN_OR_RETURN(const ConnectionFlags flags,
                      ResolveFlags(*context.connection_flags, context.environment->files));
  MR_ASSIGN_OR_RETURN(const Digest trust, KnownTrust(context));
  const EnrollmentToken token = EnrollmentToken::New(trust);
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  v1::InviteRequest request;
  request.set_site(arguments.site);
  request.set_token_sha256(Sha256Of(RedeemKey(token).ToBytes()).ToBytes());
  request.set_life_s(int64_t{3600} * arguments.hours);
  MR_ASSIGN_OR_RETURN(const v1::InviteResponse invited, connection->enrollment().Invite(request));
  MR_RETURN_IF_ERROR(KeepProofKey(context, arguments.site, token));
  const std::string command = absl::StrCat("millrace-client enroll --coordinator ",
                                           flags.coordinator, " --token ", ToText(token));
  return context.Show(
      absl::StrCat("site ", arguments.site, " is invited until ",
                   HumanTime(invited.expires_ms(), context.environment->zone),
                   "; once, on its edge PC, in the folder for its identity:\n  ", command,
                   "\nthen, here: millrace site approve ", arguments.site, "\n"),
      {{"site", arguments.site},
       {"token", ToText(token)},
       {"expires", JsonTime(invited.expires_ms())},
       {"command", command}});
}

/// The enrollment that waits: renewals are `authority renew`'s, which asks no person.
absl::StatusOr<v1::SigningRequest> FindEnrollment(Connection& connection, const std::string& site) {
  MR_ASSIGN_OR_RETURN(const v1::ListRequestsResponse waiting,
                      connection.enrollment().ListRequests(false));
  for (const v1::SigningRequest& request : waiting.requests()) {
    if (request.site() == site && request.certificate().empty()) return request;
  }
  return absl::NotFoundError(absl::StrCat(
      "site ", site, ": no enrollment of it waits; does millrace-client enroll run there?"));
}

absl::StatusOr<ExitCode> Approve(const CommandContext& context,
                                 const EnrollmentArguments& arguments) {
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_ASSIGN_OR_RETURN(const v1::SigningRequest request,
                      FindEnrollment(*connection, arguments.site));
  MR_ASSIGN_OR_RETURN(const auto folder, context.OpenAuthority());
  MR_ASSIGN_OR_RETURN(const absl::Time not_after,
                      Certify(request, arguments.key, absl::Hours(24) * arguments.days,
                              context.Now(), *folder, connection->enrollment()));
  MR_ASSIGN_OR_RETURN(const Digest key, Digest::FromBytes(request.key_sha256()));
  const int64_t not_after_ms = absl::ToUnixMillis(not_after);
  return context.Show(
      absl::StrCat("site ", arguments.site, " is in, certified until ",
                   HumanTime(not_after_ms, context.environment->zone), "\n  key ", KeyName(key),
                   "\n"),
      {{"site", arguments.site}, {"key", KeyName(key)}, {"not_after", JsonTime(not_after_ms)}});
}

absl::StatusOr<ExitCode> Reject(const CommandContext& context,
                                const EnrollmentArguments& arguments) {
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_RETURN_IF_ERROR(connection->enrollment().Reject(
      arguments.site, arguments.reason.empty() ? "rejected" : arguments.reason));
  return context.Show(absl::StrCat("request of site ", arguments.site, " rejected\n"),
                      {{"site", arguments.site}, {"rejected", true}});
}

absl::StatusOr<ExitCode> RevokeSite(const CommandContext& context,
                                    const EnrollmentArguments& arguments) {
  MR_ASSIGN_OR_RETURN(const auto folder, context.OpenAuthority());
  MR_ASSIGN_OR_RETURN(const std::string list,
                      folder->Revoke(arguments.site, arguments.serials, context.Now()));
  return PublishRevocation(context, "site", arguments.site, list);
}

void AddSiteArgument(CLI::App* command, const EnrollmentArgumentsPtr& arguments) {
  command->add_option("NAME", arguments->site, "The site's name in the federation")->required();
}

void AddInvite(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<EnrollmentArguments>();
  CLI::App* command = AddCommand(
      group, "invite",
      "Let a site ask for a certificate, once: prints a token, and the command that uses it on\n"
      "the site's edge PC. The coordinator gets only a hash. With the authority's folder as\n"
      "--authority, `approve` on this machine can tell by itself that the key is the invited\n"
      "site's; with authority.crt it asks for the key's fingerprint.",
      "millrace site invite press-7 --authority authority/", context,
      [=] { return Invite(*context, *arguments); });
  AddSiteArgument(command, arguments);
  command->add_option("--hours", arguments->hours, "How long the token can be used")
      ->check(CLI::Range(1, kMaxHours))
      ->type_name("HOURS")
      ->capture_default_str();
  AddConnectionOptions(command, context);
}

void AddApprove(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<EnrollmentArguments>();
  CLI::App* command = AddCommand(
      group, "approve",
      "Sign the certificate that a site waits for, on this machine, with the authority's key, and\n"
      "hand it over. Refused unless the key that asks is that of the invited site: by the\n"
      "invitation that was made with this authority folder, or by --fingerprint, compared by "
      "people.",
      "millrace site approve press-7 --authority authority/", context,
      [=] { return Approve(*context, *arguments); });
  AddSiteArgument(command, arguments);
  command->add_option("--fingerprint", arguments->key, "The fingerprint that the edge PC shows")
      ->type_name("SHA256:HEX");
  command->add_option("--days", arguments->days, "How long the certificate is valid")
      ->check(CLI::Range(1, kMaxCertificateDays))
      ->type_name("DAYS")
      ->capture_default_str();
  AddConnectionOptions(command, context);
}

void AddReject(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<EnrollmentArguments>();
  CLI::App* command =
      AddCommand(group, "reject", "Turn a site's waiting request down.",
                 "millrace site reject press-7 --reason \"nobody there knows of it\"", context,
                 [=] { return Reject(*context, *arguments); });
  AddSiteArgument(command, arguments);
  command->add_option("--reason", arguments->reason, "The site is told")->type_name("TEXT");
  AddConnectionOptions(command, context);
}

void AddRevoke(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<EnrollmentArguments>();
  CLI::App* command = AddCommand(
      group, "revoke",
      "Put a site out: signs a revocation list with all its certificates and publishes it. The\n"
      "coordinator ends its calls at once and lets it into no cohort; the other sites refuse it\n"
      "within a minute. It can be invited again.",
      "millrace site revoke press-7 --authority authority/", context,
      [=] { return RevokeSite(*context, *arguments); });
  AddSiteArgument(command, arguments);
  command
      ->add_option("--serial", arguments->serials,
                   "Also this certificate, which issued.log does not have; may be repeated")
      ->type_name("HEX");
  AddConnectionOptions(command, context);
}

}  // namespace

void AddEnrollmentCommands(CLI::App* site_group, CommandContext* context) {
  AddInvite(site_group, context);
  AddApprove(site_group, context);
  AddReject(site_group, context);
  AddRevoke(site_group, context);
}

}  // namespace millrace
