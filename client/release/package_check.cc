// SPDX-License-Identifier: Apache-2.0
#include "client/release/package_check.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr int64_t kMaxTrustBytes = 1 << 20;

std::string NameOfPackage(const ModelPackage& package) {
  return absl::StrCat("model '", package.manifest.name(), "' version ", package.manifest.version());
}

std::string RevokedFile(const std::string& authority_file) { return authority_file + ".revoked"; }

absl::Status Unusable(const absl::Status& status, const std::string& path) {
  return absl::UnavailableError(absl::StrCat(path, ": ", status.message()));
}

/// What the files say, unread.
struct TrustFiles {
  std::string authority;
  std::optional<std::string> revoked;
};

absl::StatusOr<TrustFiles> ReadTrustFiles(FileSystem* files, const std::string& authority_file) {
  TrustFiles texts;
  absl::StatusOr<std::string> authority = ReadFile(files, authority_file, kMaxTrustBytes);
  if (!authority.ok()) return Unusable(authority.status(), authority_file);
  texts.authority = *std::move(authority);
  const std::string revoked_file = RevokedFile(authority_file);
  if (!files->Exists(revoked_file)) return texts;
  absl::StatusOr<std::string> revoked = ReadFile(files, revoked_file, kMaxTrustBytes);
  if (!revoked.ok()) return Unusable(revoked.status(), revoked_file);
  texts.revoked = *std::move(revoked);
  return texts;
}

SignaturePolicy SignaturesOf(const ReleasePolicy& policy) {
  return {policy.SignaturesAsked(), policy.publishers};
}

}  // namespace

absl::StatusOr<PublisherTrust> ReadPublisherTrust(FileSystem* files,
                                                  const std::string& authority_file) {
  MR_ASSIGN_OR_RETURN(TrustFiles texts, ReadTrustFiles(files, authority_file));
  PublisherTrust trust;
  trust.authority_pem = std::move(texts.authority);
  if (!texts.revoked) return trust;
  absl::StatusOr<RevocationList> revoked =
      VerifyRevocationList(*texts.revoked, trust.authority_pem);
  if (!revoked.ok()) return Unusable(revoked.status(), RevokedFile(authority_file));
  trust.revoked = *std::move(revoked);
  return trust;
}

absl::StatusOr<Digest> DigestOfTrust(FileSystem* files, const std::string& authority_file) {
  MR_ASSIGN_OR_RETURN(const TrustFiles texts, ReadTrustFiles(files, authority_file));
  const Digest authority = Sha256Of(texts.authority);
  if (!texts.revoked) return authority;
  return Sha256Of(absl::StrCat(authority.ToBytes(), *texts.revoked));
}

absl::Status CheckVersion(const v1::PackageManifest& manifest, const NewestVersion& newest) {
  const bool is_newest = manifest.version() == newest.version &&
                         manifest.parameters_sha256() == newest.parameters_sha256;
  if (manifest.version() > newest.version || is_newest) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("version ", newest.version,
                   manifest.version() == newest.version ? " with other parameters" : "",
                   " has served here; have it signed as a later one (`millrace model sign "
                   "--version`)"));
}

absl::StatusOr<std::vector<std::string>> CheckForInstallation(
    const ModelPackage& package, const ReleasePolicy& policy,
    const absl::StatusOr<PublisherTrust>& trust, const NewestVersion& newest, absl::Time now) {
  const std::string what = NameOfPackage(package);
  std::vector<std::string> publishers;
  if (policy.SignaturesAsked() > 0) {
    MR_RETURN_IF_ERROR(trust.status());
    absl::StatusOr<std::vector<std::string>> signed_by =
        VerifySignatures(package, *trust, SignaturesOf(policy), PackageUse::kInstall, now);
    if (!signed_by.ok()) return Annotate(signed_by.status(), what);
    publishers = *std::move(signed_by);
  }
  MR_RETURN_IF_ERROR(Annotate(CheckExpiry(package.manifest, now), what));
  MR_RETURN_IF_ERROR(Annotate(CheckVersion(package.manifest, newest), what));
  if (package.manifest.version() < policy.minimum_version) {
    return absl::FailedPreconditionError(
        absl::StrCat(what, ": [release] minimum_version of this site is ", policy.minimum_version));
  }
  if (policy.test_vectors && package.manifest.test_vectors().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(what,
                     ": it has no test vectors, which [release] test_vectors asks for; add "
                     "them before it is signed, with `millrace-train vectors`"));
  }
  return publishers;
}

absl::StatusOr<std::vector<std::string>> CheckForService(
    const ModelPackage& package, const ReleasePolicy& policy,
    const absl::StatusOr<PublisherTrust>& trust, absl::Time now) {
  if (policy.SignaturesAsked() == 0) return std::vector<std::string>();
  if (!trust.ok()) {
    LogError("signatures not checked", {{"model", package.manifest.name()},
                                        {"version", package.manifest.version()},
                                        {"reason", trust.status().message()}});
    return std::vector<std::string>();
  }
  absl::StatusOr<std::vector<std::string>> signed_by =
      VerifySignatures(package, *trust, SignaturesOf(policy), PackageUse::kServe, now);
  if (!signed_by.ok()) return Annotate(signed_by.status(), NameOfPackage(package));
  return signed_by;
}

}  // namespace millrace
