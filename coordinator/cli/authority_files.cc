// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/authority_files.h"

#include "absl/strings/str_cat.h"
#include "base/crypto/pem_file.h"
#include "base/name.h"
#include "base/status.h"
#include "coordinator/cli/authority_folder.h"
#include "coordinator/cli/local_file.h"

namespace millrace {
namespace {

absl::Status RefuseExisting(FileSystem* files, const std::string& path) {
  if (!files->Exists(path)) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(
      path, ": is there already and is not overwritten; choose another --out or move it away"));
}

/// The file system makes new files with mode 0600. A temporary file that someone left behind would
/// keep its own.
absl::Status WriteNewFile(FileSystem* files, const std::string& path, absl::string_view content) {
  const std::string temporary = absl::StrCat(path, ".tmp");
  if (files->Exists(temporary)) MR_RETURN_IF_ERROR(files->Remove(temporary));
  return WriteFileDurably(files, path, content);
}

absl::Status WritePair(FileSystem* files, const KeyAndCertificate& pair, const std::string& key,
                       const std::string& certificate) {
  MR_RETURN_IF_ERROR(WriteNewFile(files, key, pair.key_pem));
  return WriteNewFile(files, certificate, pair.certificate_pem);
}

/// Leaves a copy that is there already; refuses to mix federations in one folder.
absl::Status CopyAuthority(FileSystem* files, const std::string& pem, const std::string& path) {
  if (!files->Exists(path)) return WriteNewFile(files, path, pem);
  MR_ASSIGN_OR_RETURN(const std::string present, ReadFile(files, path, kMaxPemBytes));
  if (present == pem) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat(path, ": is another authority's certificate; choose another --out"));
}

}  // namespace

absl::Status InitAuthority(FileSystem* files, const std::string& folder,
                           absl::string_view federation, absl::Time now) {
  const std::string key = ResolvePath(folder, kAuthorityKeyFile);
  const std::string certificate = ResolvePath(folder, kAuthorityCertificateFile);
  MR_RETURN_IF_ERROR(RefuseExisting(files, key));
  MR_RETURN_IF_ERROR(RefuseExisting(files, certificate));
  MR_ASSIGN_OR_RETURN(const KeyAndCertificate authority, CreateAuthority(federation, now));
  MR_RETURN_IF_ERROR(LocalStatus(files->CreateDirectories(folder)));
  return LocalStatus(WritePair(files, authority, key, certificate));
}

absl::StatusOr<IssuedFiles> IssueFiles(FileSystem* files, const std::string& authority_folder,
                                       const CertificateRequest& request,
                                       const std::string& folder) {
  // Before the name becomes part of a path.
  const Identity& identity = request.identity;
  MR_RETURN_IF_ERROR(CheckName(RoleName(identity.role), identity.name));
  if (identity.name == "authority") {
    return absl::InvalidArgumentError(
        absl::StrCat(RoleName(identity.role),
                     " authority: its files would be the authority's own; choose another name"));
  }
  const IssuedFiles paths = {ResolvePath(folder, identity.name + ".key"),
                             ResolvePath(folder, identity.name + ".crt"),
                             ResolvePath(folder, kAuthorityCertificateFile)};
  MR_RETURN_IF_ERROR(RefuseExisting(files, paths.key));
  MR_RETURN_IF_ERROR(RefuseExisting(files, paths.certificate));
  MR_ASSIGN_OR_RETURN(const auto authority, AuthorityFolder::Open(files, authority_folder));
  MR_ASSIGN_OR_RETURN(const KeyAndCertificate issued, authority->Issue(request));
  MR_RETURN_IF_ERROR(LocalStatus(files->CreateDirectories(folder)));
  MR_RETURN_IF_ERROR(
      LocalStatus(CopyAuthority(files, authority->authorities_pem(), paths.authority)));
  MR_RETURN_IF_ERROR(LocalStatus(WritePair(files, issued, paths.key, paths.certificate)));
  return paths;
}

}  // namespace millrace
