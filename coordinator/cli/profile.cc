// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/profile.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/crypto/certificate.h"
#include "base/crypto/pem_file.h"
#include "base/status.h"
#include "coordinator/cli/authority_files.h"
#include "coordinator/cli/local_file.h"
#include "plan/toml_reader.h"

namespace millrace {
namespace {

/// One setting of a connection: where it is kept and what it is called in each place.
struct Setting {
  std::string ConnectionFlags::*value;
  const char* option;
  const char* profile_key;
};
constexpr Setting kSettings[] = {
    {&ConnectionFlags::coordinator, "coordinator", "[coordinator] address"},
    {&ConnectionFlags::certificate, "certificate", "[identity] certificate"},
    {&ConnectionFlags::key, "key", "[identity] key"},
    {&ConnectionFlags::authority, "authority", "[identity] authority"},
};

/// `authority` itself, or the certificate in it where it is the authority's folder.
std::string AuthorityFileOf(const std::string& authority, FileSystem* files) {
  const std::string inside = ResolvePath(authority, kAuthorityCertificateFile);
  return files->Exists(inside) ? inside : authority;
}

absl::Status Missing(const Setting& setting, const std::string& profile) {
  return absl::InvalidArgumentError(absl::StrCat(
      "--", setting.option, ": not given; pass it, set MILLRACE_",
      absl::AsciiStrToUpper(setting.option), ", or put ", setting.profile_key, " in ",
      profile.empty() ? "a profile and name that with --profile or MILLRACE_PROFILE" : profile));
}

}  // namespace

absl::StatusOr<ConnectionFlags> ParseProfile(absl::string_view toml, const std::string& folder) {
  MR_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(toml));
  ConnectionFlags profile;
  root.Table("coordinator").NonEmptyString("address", &profile.coordinator);
  TomlTable identity = root.Table("identity");
  identity.NonEmptyString("certificate", &profile.certificate);
  identity.NonEmptyString("key", &profile.key);
  identity.NonEmptyString("authority", &profile.authority);
  MR_RETURN_IF_ERROR(root.Finish());
  for (std::string* path : {&profile.certificate, &profile.key, &profile.authority}) {
    if (!path->empty()) *path = ResolvePath(folder, *path);
  }
  return profile;
}

absl::StatusOr<ConnectionFlags> ResolveFlags(const ConnectionFlags& flags, FileSystem* files) {
  ConnectionFlags profile;
  if (!flags.profile.empty()) {
    MR_ASSIGN_OR_RETURN(const std::string text, ReadLocalFile(files, flags.profile, kMaxTomlBytes));
    absl::StatusOr<ConnectionFlags> parsed = ParseProfile(text, DirectoryOf(flags.profile));
    if (!parsed.ok()) return Annotate(parsed.status(), flags.profile);
    profile = *std::move(parsed);
  }
  ConnectionFlags resolved = flags;
  for (const Setting& setting : kSettings) {
    std::string& value = resolved.*setting.value;
    if (value.empty()) value = profile.*setting.value;
    if (value.empty()) return Missing(setting, flags.profile);
  }
  return resolved;
}

absl::StatusOr<ConnectionOptions> ResolveConnection(const ConnectionFlags& flags, FileSystem* files,
                                                    absl::Time now) {
  MR_ASSIGN_OR_RETURN(const ConnectionFlags resolved, ResolveFlags(flags, files));
  ConnectionOptions options;
  options.address = resolved.coordinator;
  MR_ASSIGN_OR_RETURN(
      options.authority_pem,
      ReadLocalFile(files, AuthorityFileOf(resolved.authority, files), kMaxPemBytes));
  MR_ASSIGN_OR_RETURN(options.certificate_pem,
                      ReadLocalFile(files, resolved.certificate, kMaxPemBytes));
  MR_ASSIGN_OR_RETURN(options.key_pem, ReadLocalFile(files, resolved.key, kMaxPemBytes));
  const absl::StatusOr<CertificateInfo> info = ParseCertificate(options.certificate_pem);
  const bool may_call =
      info.ok() && (info->identity.role == Role::kViewer || info->identity.role == Role::kApprover);
  MR_RETURN_IF_ERROR(CheckCertificate(
      options.certificate_pem, options.authority_pem, options.key_pem,
      may_call ? info->identity.role : Role::kOperator, now, resolved.certificate));
  return options;
}

}  // namespace millrace
