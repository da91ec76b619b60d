// SPDX-License-Identifier: Apache-2.0
// Reading; certificate_verify.cc checks what was read and certificate_issue.cc makes them.
#include "base/crypto/certificate.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/crypto/certificate_openssl.h"
#include "base/name.h"
#include "base/status.h"

namespace millrace {
namespace {

using namespace certificate_internal;  // NOLINT: its only users are these files

absl::StatusOr<std::string> SerialOf(X509* certificate) {
  const std::unique_ptr<BIGNUM, Free<BN_free>> number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (number == nullptr) return OpenSslError("serial number");
  char* const text = BN_bn2hex(number.get());
  if (text == nullptr) return OpenSslError("serial number");
  std::string serial = absl::AsciiStrToLower(text);
  OPENSSL_free(text);
  return serial;
}

}  // namespace

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kSite:
      return "site";
    case Role::kCoordinator:
      return "coordinator";
    case Role::kViewer:
      return "viewer";
    case Role::kOperator:
      return "operator";
    case Role::kApprover:
      return "approver";
    case Role::kPublisher:
      return "publisher";
  }
  return "unknown";
}

std::string IdentityUri(absl::string_view federation, const Identity& identity) {
  return absl::StrCat("millrace://", federation, "/", RoleName(identity.role), "/", identity.name);
}

absl::StatusOr<Identity> ParseIdentityUri(absl::string_view uri) {
  MR_ASSIGN_OR_RETURN(FederationIdentity who, ParseFederationUri(uri));
  return std::move(who.identity);
}

absl::StatusOr<FederationIdentity> certificate_internal::ParseFederationUri(absl::string_view uri) {
  constexpr absl::string_view kScheme = "millrace://";
  const std::string shown = absl::CHexEscape(uri.substr(0, 256));
  const absl::Status malformed = absl::InvalidArgumentError(absl::StrCat(
      "identity \"", shown,
      "\": expected millrace://<federation>/{site|coordinator|viewer|operator|approver|"
      "publisher}/<name>"));
  if (!absl::StartsWith(uri, kScheme)) return malformed;
  const std::vector<absl::string_view> parts =
      absl::StrSplit(uri.substr(kScheme.size()), absl::MaxSplits('/', 2));
  if (parts.size() != 3) return malformed;
  for (const Role role : kRoles) {
    if (parts[1] != RoleName(role)) continue;
    MR_RETURN_IF_ERROR(CheckName("federation", parts[0]));
    MR_RETURN_IF_ERROR(CheckName(RoleName(role), parts[2]));
    return FederationIdentity{std::string(parts[0]), {role, std::string(parts[2])}};
  }
  return malformed;
}

absl::StatusOr<CertificateInfo> certificate_internal::ReadInfo(X509* certificate) {
  MR_ASSIGN_OR_RETURN(FederationIdentity who, ReadIdentity(certificate));
  CertificateInfo info;
  info.identity = std::move(who.identity);
  info.federation = std::move(who.federation);
  MR_ASSIGN_OR_RETURN(info.not_before, ReadTime(X509_get0_notBefore(certificate)));
  MR_ASSIGN_OR_RETURN(info.not_after, ReadTime(X509_get0_notAfter(certificate)));
  MR_ASSIGN_OR_RETURN(info.serial, SerialOf(certificate));
  unsigned int length = 0;
  if (X509_digest(certificate, EVP_sha256(), info.fingerprint.bytes.data(), &length) != 1) {
    return OpenSslError("fingerprint");
  }
  MR_ASSIGN_OR_RETURN(info.key, PublicKeyDigest(X509_get0_pubkey(certificate)));
  return info;
}

absl::StatusOr<std::string> AuthorityName(absl::string_view pem_or_der) {
  MR_ASSIGN_OR_RETURN(const X509Ptr certificate, ReadCertificatePemOrDer(pem_or_der));
  const bool certifies = X509_check_ca(certificate.get()) == 1;
  ERR_clear_error();
  if (certifies) return CommonName(X509_get_subject_name(certificate.get()));
  return absl::InvalidArgumentError("a certificate that is no authority's");
}

absl::StatusOr<CertificateInfo> ParseCertificate(absl::string_view pem) {
  MR_ASSIGN_OR_RETURN(const X509Ptr certificate, ReadCertificate(pem));
  return ReadInfo(certificate.get());
}

absl::StatusOr<std::string> CertificateDer(absl::string_view pem) {
  MR_ASSIGN_OR_RETURN(const X509Ptr certificate, ReadCertificate(pem));
  return WriteCertificateDer(certificate.get());
}

absl::StatusOr<std::string> CertificatePem(absl::string_view der) {
  MR_ASSIGN_OR_RETURN(const X509Ptr certificate, ReadCertificateDer(der));
  return WriteCertificate(certificate.get());
}

}  // namespace millrace
