// SPDX-License-Identifier: Apache-2.0
// Reading and checking; certificate_issue.cc makes them.
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

using StorePtr = std::unique_ptr<X509_STORE, Free<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Free<X509_STORE_CTX_free>>;

std::string DateOf(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
}

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

absl::StatusOr<CertificateInfo> InfoOf(X509* certificate) {
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
  return info;
}

// What a TLS peer would check of the chain, at `now`.
absl::Status VerifyChain(X509* certificate, X509* authority, Role role, absl::Time now) {
  const StorePtr store(X509_STORE_new());
  const StoreContextPtr context(X509_STORE_CTX_new());
  if (store == nullptr || context == nullptr || X509_STORE_add_cert(store.get(), authority) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), certificate, nullptr) != 1) {
    return OpenSslError("prepare verification");
  }
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(now));
  X509_VERIFY_PARAM_set_purpose(
      parameters, role == Role::kCoordinator ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
  const int verified = X509_verify_cert(context.get());
  ERR_clear_error();
  if (verified == 1) return absl::OkStatus();
  const bool of_authority = X509_STORE_CTX_get_error_depth(context.get()) > 0;
  return absl::FailedPreconditionError(absl::StrCat(
      of_authority ? "its authority's certificate is not accepted: " : "is not accepted: ",
      X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()))));
}

absl::Status CheckSigner(X509* certificate, X509* authority) {
  const std::string issuer = CommonName(X509_get_issuer_name(certificate));
  const std::string expected = CommonName(X509_get_subject_name(authority));
  const bool same_name =
      X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(authority)) == 0;
  const bool signed_by = X509_verify(certificate, X509_get0_pubkey(authority)) == 1;
  ERR_clear_error();
  if (same_name && signed_by) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "signed by another authority: issued by \"", issuer, "\", this federation's authority is \"",
      expected, "\"", issuer == expected ? " with another key" : "",
      "; have this federation's authority issue it"));
}

absl::Status CheckDates(const CertificateInfo& info, absl::Time now) {
  if (now < info.not_before) {
    return absl::FailedPreconditionError(absl::StrCat("not valid before ", DateOf(info.not_before),
                                                      "; now is ", DateOf(now),
                                                      "; check this machine's clock"));
  }
  // RFC 5280 counts the last second in, OpenSSL and so every TLS peer here does not.
  if (now >= info.not_after) {
    return absl::FailedPreconditionError(
        absl::StrCat("expired on ", DateOf(info.not_after), "; now is ", DateOf(now),
                     "; have the federation's authority issue a new one"));
  }
  return absl::OkStatus();
}

absl::Status Check(const std::string& certificate_pem, const std::string& authority_pem,
                   const std::string& key_pem, Role expected, absl::Time now) {
  MR_ASSIGN_OR_RETURN(const X509Ptr certificate, ReadCertificate(certificate_pem));
  MR_ASSIGN_OR_RETURN(const CertificateInfo info, InfoOf(certificate.get()));
  if (info.identity.role != expected) {
    return absl::FailedPreconditionError(absl::StrCat("is for ", RoleName(info.identity.role), " ",
                                                      info.identity.name, ", expected the role ",
                                                      RoleName(expected)));
  }
  const auto authority = ReadCertificate(authority_pem);
  if (!authority.ok()) return Annotate(authority.status(), "the authority's certificate");
  MR_RETURN_IF_ERROR(CheckSigner(certificate.get(), authority->get()));
  const std::string federation = CommonName(X509_get_subject_name(authority->get()));
  if (info.federation != federation) {
    return absl::FailedPreconditionError(
        absl::StrCat("is for federation ", info.federation, ", its authority's is ", federation));
  }
  MR_RETURN_IF_ERROR(CheckDates(info, now));
  const auto key = ReadPrivateKey(key_pem);
  if (!key.ok()) return Annotate(key.status(), "its key");
  const bool matches = X509_check_private_key(certificate.get(), key->get()) == 1;
  ERR_clear_error();
  if (!matches) {
    return absl::FailedPreconditionError(
        "the key does not belong to the certificate; use the pair that was issued together");
  }
  return VerifyChain(certificate.get(), authority->get(), expected, now);
}

}  // namespace

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kSite:
      return "site";
    case Role::kCoordinator:
      return "coordinator";
    case Role::kOperator:
      return "operator";
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
  const absl::Status malformed = absl::InvalidArgumentError(
      absl::StrCat("identity \"", shown,
                   "\": expected millrace://<federation>/{site|coordinator|operator}/<name>"));
  if (!absl::StartsWith(uri, kScheme)) return malformed;
  const std::vector<absl::string_view> parts =
      absl::StrSplit(uri.substr(kScheme.size()), absl::MaxSplits('/', 2));
  if (parts.size() != 3) return malformed;
  for (const Role role : {Role::kSite, Role::kCoordinator, Role::kOperator}) {
    if (parts[1] != RoleName(role)) continue;
    MR_RETURN_IF_ERROR(CheckName("federation", parts[0]));
    MR_RETURN_IF_ERROR(CheckName(RoleName(role), parts[2]));
    return FederationIdentity{std::string(parts[0]), {role, std::string(parts[2])}};
  }
  return malformed;
}

absl::StatusOr<CertificateInfo> ParseCertificate(absl::string_view pem) {
  MR_ASSIGN_OR_RETURN(const X509Ptr certificate, ReadCertificate(pem));
  return InfoOf(certificate.get());
}

absl::Status CheckCertificate(const std::string& certificate_pem, const std::string& authority_pem,
                              const std::string& key_pem, Role expected, absl::Time now,
                              absl::string_view file_name) {
  return Annotate(Check(certificate_pem, authority_pem, key_pem, expected, now), file_name);
}

}  // namespace millrace
