// SPDX-License-Identifier: Apache-2.0
// Who vouches for a model package: millrace model sign, verify. No coordinator takes part.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/crypto/pem_file.h"
#include "base/status.h"
#include "base/text.h"
#include "coordinator/cli/authority_files.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/format_model.h"
#include "coordinator/cli/local_file.h"
#include "coordinator/cli/units.h"
#include "models/package.h"
#include "models/package_signature.h"

namespace millrace {
namespace {

constexpr int kMaxPackageDays = 3650;

struct SignArguments {
  std::string path;
  std::string key;
  std::string certificate;
  // What the first signature fixes.
  std::optional<int> days;
  std::optional<int64_t> version;
  std::string card;
};

absl::StatusOr<ModelPackage> ReadLocalPackage(const CommandContext& context,
                                              const std::string& path) {
  absl::StatusOr<ModelPackage> package = ReadPackage(context.environment->files, path);
  if (!package.ok()) return LocalStatus(package.status());
  return package;
}

/// Fills in what `arguments` give, before anybody has signed.
absl::Status Complete(const CommandContext& context, const SignArguments& arguments,
                      ModelPackage& package) {
  if (!arguments.days && !arguments.version && arguments.card.empty()) return absl::OkStatus();
  if (!package.signatures.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(arguments.path,
                     ": is signed already, and --days, --version and --card would change what was "
                     "signed; give them with the first signature, or export the model again"));
  }
  v1::PackageManifest manifest = package.manifest;
  if (arguments.days) {
    manifest.set_expires_ms(absl::ToUnixMillis(context.Now() + absl::Hours(24) * *arguments.days));
  }
  if (arguments.version) manifest.set_version(*arguments.version);
  if (!arguments.card.empty()) {
    MR_ASSIGN_OR_RETURN(const std::string card,
                        ReadLocalFile(context.environment->files, arguments.card, kMaxCardBytes));
    manifest.set_card(Utf8(card));
  }
  absl::StatusOr<ModelPackage> completed = WithManifest(std::move(package), manifest);
  if (!completed.ok()) return Annotate(completed.status(), arguments.path);
  package = *std::move(completed);
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> Sign(const CommandContext& context, const SignArguments& arguments) {
  FileSystem* const files = context.environment->files;
  MR_ASSIGN_OR_RETURN(ModelPackage package, ReadLocalPackage(context, arguments.path));
  MR_ASSIGN_OR_RETURN(const std::string key, ReadLocalFile(files, arguments.key, kMaxPemBytes));
  MR_ASSIGN_OR_RETURN(const std::string certificate,
                      ReadLocalFile(files, arguments.certificate, kMaxPemBytes));
  MR_RETURN_IF_ERROR(Complete(context, arguments, package));
  const absl::StatusOr<v1::Signature> signature =
      SignPackage(package, key, certificate, context.Now());
  if (!signature.ok()) return Annotate(signature.status(), arguments.path);
  MR_RETURN_IF_ERROR(Annotate(AddSignature(package, *signature), arguments.path));
  MR_RETURN_IF_ERROR(LocalStatus(WritePackage(files, arguments.path, package)));
  MR_ASSIGN_OR_RETURN(const CertificateInfo publisher, ParseCertificate(certificate));
  const v1::PackageManifest& manifest = package.manifest;
  const std::string end =
      manifest.expires_ms() == 0
          ? std::string("never expires")
          : absl::StrCat("expires ", HumanTime(manifest.expires_ms(), context.environment->zone));
  return context.Show(absl::StrCat("model ", manifest.name(), " version ", manifest.version(),
                                   " is signed by ", publisher.identity.name, ", signature ",
                                   package.signatures.size(), "; it ", end, "\n"),
                      {{"file", arguments.path},
                       {"publisher", publisher.identity.name},
                       {"signatures", package.signatures.size()},
                       {"version", manifest.version()},
                       {"expires", JsonTime(manifest.expires_ms())},
                       {"package_sha256", package.Sha256().Hex()}});
}

struct VerifyArguments {
  std::string path;
  std::string authority;
  std::string revoked;
  int64_t signatures = 1;
  std::vector<std::string> publishers;
};

/// The files that say whom to trust.
struct TrustFiles {
  std::string certificate;
  std::string list;  // of revocations; empty: there is none
};

/// Those of the authority's folder or of a site's, which keeps its list under another name, or a
/// certificate's file with the list beside it.
TrustFiles TrustFilesOf(FileSystem* files, const VerifyArguments& arguments) {
  const std::string inside = ResolvePath(arguments.authority, kAuthorityCertificateFile);
  TrustFiles trust{files->Exists(inside) ? inside : arguments.authority, arguments.revoked};
  for (const std::string& list : {ResolvePath(arguments.authority, kRevokedFile),
                                  absl::StrCat(trust.certificate, ".revoked")}) {
    if (trust.list.empty() && files->Exists(list)) trust.list = list;
  }
  return trust;
}

absl::StatusOr<PublisherTrust> ReadTrust(FileSystem* files, const TrustFiles& paths) {
  const auto& [certificate, list] = paths;
  PublisherTrust trust;
  MR_ASSIGN_OR_RETURN(trust.authority_pem, ReadLocalFile(files, certificate, kMaxPemBytes));
  if (list.empty()) return trust;
  MR_ASSIGN_OR_RETURN(const std::string pem, ReadLocalFile(files, list, kMaxPemBytes));
  absl::StatusOr<RevocationList> revoked = VerifyRevocationList(pem, trust.authority_pem);
  if (!revoked.ok()) return Annotate(revoked.status(), list);
  trust.revoked = *std::move(revoked);
  return trust;
}

absl::StatusOr<ExitCode> ShowSignatures(const CommandContext& context,
                                        const VerifyArguments& arguments) {
  MR_ASSIGN_OR_RETURN(const ModelPackage package, ReadLocalPackage(context, arguments.path));
  const TrustFiles paths = TrustFilesOf(context.environment->files, arguments);
  MR_ASSIGN_OR_RETURN(const PublisherTrust trust, ReadTrust(context.environment->files, paths));
  const std::vector<SignatureFinding> findings =
      CheckSignatures(package, trust, PackageUse::kInstall, context.Now());
  absl::Status verdict =
      VerifySignatures(package, trust, {arguments.signatures, arguments.publishers},
                       PackageUse::kInstall, context.Now())
          .status();
  if (verdict.ok()) verdict = CheckExpiry(package.manifest, context.Now());
  context.Show(SignaturesText(package, findings, verdict, paths.list, context.environment->zone),
               SignaturesJson(package, findings, verdict, paths.list));
  return verdict.ok() ? ExitCode::kOk : ExitCode::kRefused;
}

void AddSign(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<SignArguments>();
  CLI::App* command = AddCommand(
      group, "sign",
      "Vouch for a model package: adds a signature by a publisher (`millrace authority issue\n"
      "--role publisher`) to the file. Several publishers sign one after the other. Sites install\n"
      "only what enough publishers have signed. The first signature fixes the version, the end "
      "and\n"
      "the card; all signatures are of the same bytes.",
      "millrace model sign turbofan-30.millrace --key ada/ada.key --certificate ada/ada.crt \\\n"
      "    --days 365 --card turbofan.md",
      context, [=] { return Sign(*context, *arguments); });
  command->add_option("FILE", arguments->path, "The package")->required();
  command->add_option("--key", arguments->key, "The publisher's private key")
      ->required()
      ->type_name("FILE");
  command->add_option("--certificate", arguments->certificate, "The publisher's certificate")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--days", arguments->days,
                   "Sites may install it for so many days; without it, for ever")
      ->check(CLI::Range(1, kMaxPackageDays))
      ->type_name("DAYS");
  command
      ->add_option("--version", arguments->version,
                   "In place of the round it is from; sites take later versions only")
      ->check(CLI::NonNegativeNumber)
      ->type_name("NUMBER");
  command
      ->add_option("--card", arguments->card,
                   "Text for people, Markdown, up to 64 KiB: what the model is for, and what not")
      ->type_name("FILE");
}

void AddVerify(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command = AddCommand(
      group, "verify",
      "Check who has signed a model package and whether a site would take it: shows each\n"
      "publisher, until when its certificate counts, and when the package expires. Exit code 2\n"
      "where it would be refused.",
      "millrace model verify turbofan-30.millrace --authority authority/ --signatures 2", context,
      [=] { return ShowSignatures(*context, *arguments); });
  command->add_option("FILE", arguments->path, "The package")->required();
  command
      ->add_option("--authority", arguments->authority,
                   "The authority's folder, a site's with its authority.crt, or that file; a "
                   "revocation list that lies with it counts")
      ->required()
      ->type_name("FILE");
  command->add_option("--revoked", arguments->revoked, "Another revocation list, PEM")
      ->type_name("FILE");
  command->add_option("--signatures", arguments->signatures, "Publishers that have to sign")
      ->check(CLI::Range(0, kMaxSignatures))
      ->capture_default_str();
  command
      ->add_option(
          "--publisher", arguments->publishers,
          "Only these count; may be repeated. Without it, all that the authority certified")
      ->type_name("NAME");
}

}  // namespace

void AddSignCommands(CLI::App* model_group, CommandContext* context) {
  AddSign(model_group, context);
  AddVerify(model_group, context);
}

}  // namespace millrace
