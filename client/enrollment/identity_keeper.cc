// SPDX-License-Identifier: Apache-2.0
#include "client/enrollment/identity_keeper.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/crypto/certificate.h"
#include "base/crypto/renewal.h"
#include "base/crypto/signing_request.h"
#include "base/log.h"
#include "base/status.h"
#include "client/enrollment/trust_update.h"

namespace millrace {

void IdentityKeeper::Run(absl::Duration period, Heartbeat* heart) {
  constexpr absl::Duration kSlice = absl::Milliseconds(100);  // so that Stop is heard
  absl::Status last;
  while (!stopping_) {
    const absl::Status status = RunOnce();
    if (!status.ok() && status != last && !stopping_) {
      LogWarning("identity not brought up to date", {{"error", status.message()}});
    }
    last = status;
    // Counted, since the clock may be set back meanwhile.
    for (absl::Duration left = period; left > absl::ZeroDuration() && !stopping_; left -= kSlice) {
      heart->Beat();
      clock_->Sleep(std::min(kSlice, left));
    }
  }
}

absl::Status IdentityKeeper::RunOnce() {
  const absl::Status trust = UpdateTrust();
  const absl::Status renewed = Renew();
  return trust.ok() ? renewed : trust;
}

absl::Status IdentityKeeper::UpdateTrust() {
  MR_ASSIGN_OR_RETURN(const v1::GetTrustRequest request, AskForTrust(credentials_));
  MR_ASSIGN_OR_RETURN(const v1::Trust trust, link_->GetTrust(request));
  MR_ASSIGN_OR_RETURN(const TrustUpdate update, NewTrust(credentials_, trust));
  if (!update.authority_pem.empty()) {
    MR_RETURN_IF_ERROR(files_->SetAuthorities(update.authority_pem));
    credentials_.authority_pem = update.authority_pem;
    LogInfo("the federation's authorities have changed");
    Offer();
  }
  if (!update.revocation_pem.empty()) {
    MR_RETURN_IF_ERROR(files_->SetRevocations(update.revocation_pem));
    credentials_.revocation_pem = update.revocation_pem;
    LogInfo("new revocation list");
    Offer();
  }
  return absl::OkStatus();
}

absl::Status IdentityKeeper::Renew() {
  MR_ASSIGN_OR_RETURN(const CertificateInfo present,
                      ParseCertificate(credentials_.certificate_pem));
  if (!RenewalIsDue(present, clock_->Now())) return absl::OkStatus();
  MR_ASSIGN_OR_RETURN(const std::string key, files_->NextKey());
  v1::RenewRequest request;
  MR_ASSIGN_OR_RETURN(*request.mutable_signing_request(), MakeSigningRequest(key));
  MR_ASSIGN_OR_RETURN(*request.mutable_signature(),
                      SignRenewal(credentials_.key_pem, request.signing_request()));
  MR_ASSIGN_OR_RETURN(const v1::CertificateAnswer answer, link_->Renew(request));
  if (answer.state() == v1::REQUEST_STATE_REJECTED) {
    LogWarning("renewal rejected", {{"reason", answer.reason()}});
    return files_->DropNextKey();
  }
  if (answer.state() != v1::REQUEST_STATE_SIGNED) return absl::OkStatus();
  MR_ASSIGN_OR_RETURN(const std::string certificate, CertificatePem(answer.certificate()));
  MR_RETURN_IF_ERROR(CheckCertificate(certificate, credentials_.authority_pem, key, Role::kSite,
                                      clock_->Now(), "the renewed certificate"));
  MR_ASSIGN_OR_RETURN(const CertificateInfo next, ParseCertificate(certificate));
  if (next.identity != present.identity) {
    return absl::PermissionDeniedError("the renewed certificate is another site's");
  }
  MR_RETURN_IF_ERROR(files_->SetIdentity(key, certificate));
  credentials_.key_pem = key;
  credentials_.certificate_pem = certificate;
  LogInfo("certificate renewed", {{"not_after", absl::FormatTime(next.not_after)}});
  Offer();
  return files_->DropNextKey();
}

void IdentityKeeper::Offer() {
  link_->UseCredentials(credentials_.authority_pem, credentials_.certificate_pem,
                        credentials_.key_pem);
  absl::MutexLock lock(&mutex_);
  offered_ = credentials_;
}

std::optional<SiteCredentials> IdentityKeeper::Take() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(offered_, std::nullopt);
}

}  // namespace millrace
