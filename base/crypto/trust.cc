// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/trust.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/crypto/certificate_openssl.h"
#include "base/crypto/signature.h"
#include "base/status.h"

namespace millrace {
namespace {

using namespace certificate_internal;  // NOLINT: its only users are the files of certificates

constexpr absl::string_view kNumber = "Millrace-Trust: ";
constexpr size_t kMostAuthorities = 8;

/// What a statement signs, and what its digest is of.
std::string SignedBytes(const TrustedAuthorities& next) {
  std::string bytes = absl::StrCat("millrace trust ", next.number);
  for (const std::string& der : next.certificates) {
    absl::StrAppend(&bytes, "\n", Sha256Of(der).Hex());
  }
  return bytes;
}

}  // namespace

absl::StatusOr<TrustedAuthorities> ParseAuthorities(absl::string_view pem) {
  TrustedAuthorities authorities;
  if (absl::StartsWith(pem, kNumber)) {
    const absl::string_view line = pem.substr(kNumber.size(), pem.find('\n') - kNumber.size());
    if (!absl::SimpleAtoi(line, &authorities.number) || authorities.number < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("authorities: \"", kNumber, "\" is followed by no number from 1 on"));
    }
  }
  MR_ASSIGN_OR_RETURN(const std::vector<X509Ptr> certificates, ReadCertificates(pem));
  for (const X509Ptr& certificate : certificates) {
    MR_ASSIGN_OR_RETURN(authorities.certificates.emplace_back(),
                        WriteCertificateDer(certificate.get()));
  }
  return authorities;
}

absl::StatusOr<std::string> AuthoritiesPem(const TrustedAuthorities& authorities) {
  std::string text;
  if (authorities.number > 0) text = absl::StrCat(kNumber, authorities.number, "\n");
  for (const std::string& der : authorities.certificates) {
    MR_ASSIGN_OR_RETURN(const std::string pem, CertificatePem(der));
    text += pem;
  }
  return text;
}

absl::StatusOr<SignedTrust> SignTrust(const TrustedAuthorities& next, const std::string& key_pem) {
  MR_ASSIGN_OR_RETURN(const SigningKey key, SigningKey::FromPem(key_pem));
  return SignedTrust{next, key.Sign(SignedBytes(next))};
}

absl::StatusOr<TrustedAuthorities> ApplyTrust(const TrustedAuthorities& held,
                                              const SignedTrust& statement) {
  const TrustedAuthorities& next = statement.next;
  const auto refuse = [&](absl::string_view why) {
    return absl::FailedPreconditionError(absl::StrCat("trust statement ", next.number, ": ", why));
  };
  if (next.number != held.number + 1) {
    return refuse(absl::StrCat("expected ", held.number + 1, ", the one after what is held"));
  }
  if (next.certificates.empty() || next.certificates.size() > kMostAuthorities) {
    return refuse(
        absl::StrCat(next.certificates.size(), " authorities, expected 1 to ", kMostAuthorities));
  }
  MR_ASSIGN_OR_RETURN(const std::string federation, AuthorityName(held.certificates.front()));
  for (const std::string& der : next.certificates) {
    const absl::StatusOr<std::string> named = AuthorityName(der);
    if (!named.ok()) return refuse(named.status().message());
    if (*named != federation) return refuse("an authority of another federation");
  }
  const std::string bytes = SignedBytes(next);
  const bool is_signed =
      std::any_of(held.certificates.begin(), held.certificates.end(), [&](const std::string& der) {
        const absl::StatusOr<VerifyingKey> key = VerifyingKey::FromCertificate(der);
        return key.ok() && key->Verify(bytes, statement.signature);
      });
  if (!is_signed) return refuse("not signed by an authority that is trusted");
  return next;
}

absl::StatusOr<TrustedAuthorities> ApplyTrust(TrustedAuthorities held,
                                              const std::vector<SignedTrust>& statements) {
  for (const SignedTrust& statement : statements) {
    if (statement.next.number <= held.number) continue;
    MR_ASSIGN_OR_RETURN(held, ApplyTrust(held, statement));
  }
  return held;
}

Digest TrustDigest(const TrustedAuthorities& authorities) {
  return Sha256Of(SignedBytes(authorities));
}

}  // namespace millrace
