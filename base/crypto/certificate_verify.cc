// SPDX-License-Identifier: Apache-2.0
// Checking certificates: one's own and those of others.
#include <openssl/err.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/crypto/certificate.h"
#include "base/crypto/certificate_openssl.h"
#include "base/retry_after.h"
#include "base/status.h"

namespace millrace {
namespace {

using namespace certificate_internal;  // NOLINT: its only users are these files

using StorePtr = std::unique_ptr<X509_STORE, Free<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Free<X509_STORE_CTX_free>>;

std::string DateOf(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
}

// What nobody but this program checks of a publisher's certificate: OpenSSL 3.0 has no purpose for
// code signing.
absl::Status CheckPublisher(X509* certificate) {
  const bool signs_code = (X509_get_extended_key_usage(certificate) & XKU_CODE_SIGN) != 0;
  const bool is_ed25519 = EVP_PKEY_is_a(X509_get0_pubkey(certificate), "ED25519") == 1;
  ERR_clear_error();
  if (signs_code && is_ed25519) return absl::OkStatus();
  return absl::FailedPreconditionError(signs_code ? "its key is not of Ed25519"
                                                  : "is not meant for signing packages");
}

int PurposeOf(Role role) {
  if (role == Role::kPublisher) return X509_PURPOSE_ANY;
  return role == Role::kCoordinator ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT;
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
  X509_VERIFY_PARAM_set_purpose(parameters, PurposeOf(role));
  const int verified = X509_verify_cert(context.get());
  ERR_clear_error();
  if (verified == 1) return absl::OkStatus();
  const bool of_authority = X509_STORE_CTX_get_error_depth(context.get()) > 0;
  return absl::FailedPreconditionError(absl::StrCat(
      of_authority ? "its authority's certificate is not accepted: " : "is not accepted: ",
      X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()))));
}

/// The authority that signed the certificate; FAILED_PRECONDITION if it is none of them.
absl::StatusOr<X509*> FindSigner(X509* certificate, const std::vector<X509Ptr>& authorities) {
  for (const X509Ptr& authority : authorities) {
    const bool same_name = X509_NAME_cmp(X509_get_issuer_name(certificate),
                                         X509_get_subject_name(authority.get())) == 0;
    const bool signed_by = X509_verify(certificate, X509_get0_pubkey(authority.get())) == 1;
    ERR_clear_error();
    if (same_name && signed_by) return authority.get();
  }
  const std::string issuer = CommonName(X509_get_issuer_name(certificate));
  const std::string expected = CommonName(X509_get_subject_name(authorities.front().get()));
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

// All but that the holder has the key.
absl::Status CheckIssued(X509* certificate, const CertificateInfo& info,
                         const std::vector<X509Ptr>& authorities, Role expected, absl::Time now) {
  if (info.identity.role != expected) {
    return absl::FailedPreconditionError(absl::StrCat("is for ", RoleName(info.identity.role), " ",
                                                      info.identity.name, ", expected the role ",
                                                      RoleName(expected)));
  }
  MR_ASSIGN_OR_RETURN(X509* const authority, FindSigner(certificate, authorities));
  const std::string federation = CommonName(X509_get_subject_name(authority));
  if (info.federation != federation) {
    return absl::FailedPreconditionError(
        absl::StrCat("is for federation ", info.federation, ", its authority's is ", federation));
  }
  MR_RETURN_IF_ERROR(CheckDates(info, now));
  if (expected == Role::kPublisher) MR_RETURN_IF_ERROR(CheckPublisher(certificate));
  return VerifyChain(certificate, authority, expected, now);
}

absl::StatusOr<std::vector<X509Ptr>> ReadAuthorities(absl::string_view pem) {
  absl::StatusOr<std::vector<X509Ptr>> authorities = ReadCertificates(pem);
  if (!authorities.ok()) return Annotate(authorities.status(), "the authority's certificate");
  return authorities;
}

absl::Status Check(const std::string& certificate_pem, const std::string& authority_pem,
                   const std::string& key_pem, Role expected, absl::Time now) {
  MR_ASSIGN_OR_RETURN(const X509Ptr certificate, ReadCertificate(certificate_pem));
  MR_ASSIGN_OR_RETURN(const CertificateInfo info, ReadInfo(certificate.get()));
  MR_ASSIGN_OR_RETURN(const std::vector<X509Ptr> authorities, ReadAuthorities(authority_pem));
  MR_RETURN_IF_ERROR(CheckIssued(certificate.get(), info, authorities, expected, now));
  const auto key = ReadPrivateKey(key_pem);
  if (!key.ok()) return Annotate(key.status(), "its key");
  const bool matches = X509_check_private_key(certificate.get(), key->get()) == 1;
  ERR_clear_error();
  if (matches) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the key does not belong to the certificate; use the pair that was issued together");
}

}  // namespace

absl::Status CheckCertificate(const std::string& certificate_pem, const std::string& authority_pem,
                              const std::string& key_pem, Role expected, absl::Time now,
                              absl::string_view file_name) {
  const absl::Status status = Check(certificate_pem, authority_pem, key_pem, expected, now);
  const absl::StatusOr<CertificateInfo> info = ParseCertificate(certificate_pem);
  const bool early =
      info.ok() && now < info->not_before &&
      Check(certificate_pem, authority_pem, key_pem, expected, info->not_before).ok();
  return Annotate(early ? WithRetryAfter(status, info->not_before - now) : status, file_name);
}

absl::StatusOr<CertificateInfo> VerifyPeerCertificate(absl::string_view certificate_pem_or_der,
                                                      absl::string_view authority_pem,
                                                      Role expected, absl::Time now) {
  MR_ASSIGN_OR_RETURN(const X509Ptr certificate, ReadCertificatePemOrDer(certificate_pem_or_der));
  MR_ASSIGN_OR_RETURN(CertificateInfo info, ReadInfo(certificate.get()));
  MR_ASSIGN_OR_RETURN(const std::vector<X509Ptr> authorities, ReadAuthorities(authority_pem));
  MR_RETURN_IF_ERROR(Annotate(
      CheckIssued(certificate.get(), info, authorities, expected, now),
      absl::StrCat("certificate of ", RoleName(info.identity.role), " ", info.identity.name)));
  return info;
}

}  // namespace millrace
