// SPDX-License-Identifier: Apache-2.0
#include "models/package_signature.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crypto/certificate.h"
#include "base/crypto/signature.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr absl::string_view kPurpose("millrace package 1\0", 19);

std::string DayOf(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
}

/// The holder of the certificate in a signature, whoever issued it.
absl::StatusOr<CertificateInfo> HolderOf(const v1::Signature& signature) {
  MR_ASSIGN_OR_RETURN(const std::string pem, CertificatePem(signature.certificate()));
  return ParseCertificate(pem);
}

/// The time at which a certificate has to count. That it does not count yet is said once the rest
/// is known to be right.
absl::Time TimeThatCounts(const CertificateInfo& info, PackageUse use, absl::Time now) {
  const absl::Time begun = std::max(now, info.not_before);
  return use == PackageUse::kServe ? std::min(begun, info.not_after - absl::Seconds(1)) : begun;
}

absl::Status CheckSignature(const v1::Signature& signature, const CertificateInfo& info,
                            const std::string& signed_bytes, const PublisherTrust& trust,
                            absl::Time at) {
  MR_RETURN_IF_ERROR(
      VerifyPeerCertificate(signature.certificate(), trust.authority_pem, Role::kPublisher, at)
          .status());
  if (const auto revoked = trust.revoked.since.find(info.serial);
      revoked != trust.revoked.since.end()) {
    return absl::FailedPreconditionError(absl::StrCat("certificate of publisher ",
                                                      info.identity.name, ": was revoked on ",
                                                      DayOf(revoked->second)));
  }
  MR_ASSIGN_OR_RETURN(const VerifyingKey key,
                      VerifyingKey::FromCertificate(signature.certificate()));
  if (key.Verify(signed_bytes, signature.ed25519())) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("publisher ", info.identity.name, " did not sign this: the signature is wrong"));
}

}  // namespace

std::string SignedBytes(absl::string_view manifest_bytes) {
  return absl::StrCat(kPurpose, manifest_bytes);
}

absl::StatusOr<v1::Signature> SignPackage(const ModelPackage& package, const std::string& key_pem,
                                          const std::string& certificate_pem, absl::Time now) {
  MR_ASSIGN_OR_RETURN(const CertificateInfo info, ParseCertificate(certificate_pem));
  const std::string who = absl::StrCat(RoleName(info.identity.role), " ", info.identity.name);
  const auto refuse = [&](absl::string_view why) {
    return absl::FailedPreconditionError(absl::StrCat("certificate of ", who, ": ", why));
  };
  if (info.identity.role != Role::kPublisher) {
    return refuse("only publishers sign packages; `millrace authority issue --role publisher`");
  }
  if (now < info.not_before || now >= info.not_after) {
    return refuse(absl::StrCat("counts from ", DayOf(info.not_before), " to ",
                               DayOf(info.not_after), "; now is ", DayOf(now)));
  }
  for (const v1::Signature& signature : package.signatures) {
    const absl::StatusOr<CertificateInfo> holder = HolderOf(signature);
    if (holder.ok() && holder->identity == info.identity && holder->serial == info.serial) {
      return absl::FailedPreconditionError(absl::StrCat(who, " has signed the package already"));
    }
  }
  MR_ASSIGN_OR_RETURN(const SigningKey key, SigningKey::FromPem(key_pem));
  MR_ASSIGN_OR_RETURN(const VerifyingKey public_key,
                      VerifyingKey::FromCertificate(certificate_pem));
  const std::string bytes = SignedBytes(package.manifest_bytes);
  v1::Signature signature;
  signature.set_ed25519(key.Sign(bytes));
  if (!public_key.Verify(bytes, signature.ed25519())) {
    return refuse("the key does not belong to it; use the pair that was issued together");
  }
  MR_ASSIGN_OR_RETURN(*signature.mutable_certificate(), CertificateDer(certificate_pem));
  return signature;
}

absl::Status AddSignature(ModelPackage& package, const v1::Signature& signature) {
  MR_ASSIGN_OR_RETURN(const CertificateInfo signer, HolderOf(signature));
  std::erase_if(package.signatures, [&](const v1::Signature& earlier) {
    const absl::StatusOr<CertificateInfo> holder = HolderOf(earlier);
    return holder.ok() && holder->identity == signer.identity;
  });
  if (package.signatures.size() == kMaxSignatures) {
    return absl::FailedPreconditionError(
        absl::StrCat("the package has ", kMaxSignatures, " signatures, which is the most"));
  }
  package.signatures.push_back(signature);
  return absl::OkStatus();
}

std::vector<SignatureFinding> CheckSignatures(const ModelPackage& package,
                                              const PublisherTrust& trust, PackageUse use,
                                              absl::Time now) {
  const std::string bytes = SignedBytes(package.manifest_bytes);
  std::vector<SignatureFinding> findings;
  for (const v1::Signature& signature : package.signatures) {
    SignatureFinding& finding = findings.emplace_back();
    const absl::StatusOr<CertificateInfo> info = HolderOf(signature);
    if (!info.ok()) {
      finding.publisher = "unknown";
      finding.status = Annotate(info.status(), "a signature's certificate");
      continue;
    }
    finding.publisher = info->identity.name;
    finding.serial = info->serial;
    finding.not_after = info->not_after;
    finding.status =
        CheckSignature(signature, *info, bytes, trust, TimeThatCounts(*info, use, now));
    if (finding.status.ok() && use == PackageUse::kInstall && now < info->not_before) {
      finding.status = absl::UnavailableError(
          absl::StrCat("certificate of publisher ", info->identity.name, ": counts from ",
                       DayOf(info->not_before), " on; now is ", DayOf(now),
                       ", if this machine's clock is right"));
    }
  }
  return findings;
}

absl::StatusOr<std::vector<std::string>> VerifySignatures(const ModelPackage& package,
                                                          const PublisherTrust& trust,
                                                          const SignaturePolicy& policy,
                                                          PackageUse use, absl::Time now) {
  std::set<std::string> counted;
  std::set<std::string> counted_later;
  std::vector<std::string> others;
  for (const SignatureFinding& finding : CheckSignatures(package, trust, use, now)) {
    const bool wanted =
        policy.publishers.empty() ||
        std::ranges::find(policy.publishers, finding.publisher) != policy.publishers.end();
    const bool later = absl::IsUnavailable(finding.status);
    if (wanted && (finding.status.ok() || later)) counted_later.insert(finding.publisher);
    if (!finding.status.ok()) {
      others.emplace_back(finding.status.message());
    } else if (!wanted) {
      others.push_back(absl::StrCat("publisher ", finding.publisher,
                                    " is none of those that count (",
                                    absl::StrJoin(policy.publishers, ", "), ")"));
    } else {
      counted.insert(finding.publisher);
    }
  }
  if (static_cast<int64_t>(counted.size()) >= policy.signatures) {
    return std::vector<std::string>(counted.begin(), counted.end());
  }
  if (static_cast<int64_t>(counted_later.size()) >= policy.signatures) {
    return absl::UnavailableError(absl::StrJoin(others, "; "));
  }
  std::string message = absl::StrCat(
      counted.empty() ? "it is signed by no publisher that counts"
                      : absl::StrCat("it is signed by ", absl::StrJoin(counted, ", ")),
      ", ", policy.signatures, policy.signatures == 1 ? " is asked for" : " are asked for",
      "; have it signed with `millrace model sign`");
  for (const std::string& other : others) absl::StrAppend(&message, "; ", other);
  return absl::FailedPreconditionError(message);
}

absl::Status CheckExpiry(const v1::PackageManifest& manifest, absl::Time now) {
  if (manifest.expires_ms() == 0) return absl::OkStatus();
  const absl::Time end = absl::FromUnixMillis(manifest.expires_ms());
  if (now < end) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("it expired on ", DayOf(end), "; now is ", DayOf(now),
                   "; have it signed anew with `millrace model sign --days`"));
}

}  // namespace millrace
