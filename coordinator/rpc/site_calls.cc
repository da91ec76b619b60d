// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/site_calls.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "coordinator/rpc/peer.h"

namespace millrace {
namespace {

/// "site press-7", "operator ada": of who was let in.
std::string NameOf(const Identity& caller) {
  return absl::StrCat(RoleName(caller.role), " ", caller.name);
}

}  // namespace

SiteCall::SiteCall(SiteCalls* calls, grpc::CallbackServerContext* context, Identity caller,
                   std::string certificate, CallKind kind)
    : calls_(calls),
      context_(context),
      caller_(std::move(caller)),
      certificate_(std::move(certificate)),
      kind_(kind),
      moved_(calls->steady_->Now()) {
  absl::MutexLock lock(&calls_->mutex_);
  place_ = calls_->open_.insert(calls_->open_.end(), this);
}

SiteCall::~SiteCall() {
  absl::MutexLock lock(&calls_->mutex_);
  calls_->open_.erase(place_);
  calls_->limiter_.End(NameOf(caller_), kind_);
}

absl::Status SiteCall::Received(int64_t bytes) {
  const absl::Time now = calls_->steady_->Now();
  absl::MutexLock lock(&calls_->mutex_);
  moved_ = now;
  return calls_->limiter_.TakeBytes(NameOf(caller_), bytes, now);
}

void SiteCall::Sent() {
  const absl::Time now = calls_->steady_->Now();
  absl::MutexLock lock(&calls_->mutex_);
  moved_ = now;
}

SiteCalls::SiteCalls(Engine* engine, Clock* steady, const CallLimits& limits)
    : engine_(engine), steady_(steady), stall_(limits.stall), limiter_(limits) {}

absl::StatusOr<std::unique_ptr<SiteCall>> SiteCalls::Take(grpc::CallbackServerContext* context,
                                                          Identity caller, CallKind kind) {
  MR_ASSIGN_OR_RETURN(std::string certificate, PeerCertificate(*context));
  {
    absl::MutexLock lock(&mutex_);
    MR_RETURN_IF_ERROR(limiter_.Begin(NameOf(caller), kind, steady_->Now()));
  }
  return std::unique_ptr<SiteCall>(
      new SiteCall(this, context, std::move(caller), std::move(certificate), kind));
}

absl::StatusOr<std::unique_ptr<SiteCall>> SiteCalls::Begin(grpc::CallbackServerContext* context,
                                                           CallKind kind) {
  MR_ASSIGN_OR_RETURN(std::string site, RequireSite(*context, engine_));
  return Take(context, {Role::kSite, std::move(site)}, kind);
}

absl::StatusOr<std::unique_ptr<SiteCall>> SiteCalls::BeginPerson(
    grpc::CallbackServerContext* context, Role role, CallKind kind) {
  MR_RETURN_IF_ERROR(RequireRole(*context, role).status());
  MR_ASSIGN_OR_RETURN(Identity person, PeerOf(*context));
  return Take(context, std::move(person), kind);
}

absl::StatusOr<std::unique_ptr<SiteCall>> SiteCalls::BeginReader(
    grpc::CallbackServerContext* context, CallKind kind) {
  MR_ASSIGN_OR_RETURN(const Identity peer, PeerOf(*context));
  return peer.role == Role::kSite ? Begin(context, kind)
                                  : BeginPerson(context, Role::kViewer, kind);
}

void SiteCalls::EndStalled() {
  const absl::Time now = steady_->Now();
  absl::MutexLock lock(&mutex_);
  for (SiteCall* call : open_) {
    const bool transfer = call->kind_ == CallKind::kUpload || call->kind_ == CallKind::kDownload;
    if (!transfer || now - call->moved_ < stall_) continue;
    LogInfo("transfer stalled, ended", {{"caller", NameOf(call->caller_)}});
    call->context_->TryCancel();
    call->moved_ = now;  // once is enough
  }
}

Holders SiteCalls::EndRevoked(const std::function<bool(const std::string&)>& is_revoked) {
  Holders ended;
  absl::MutexLock lock(&mutex_);
  for (SiteCall* call : open_) {
    const absl::StatusOr<CertificateInfo> info = ParseCertificate(call->certificate_);
    if (info.ok() && !is_revoked(info->serial)) continue;
    call->context_->TryCancel();
    ended.Add(call->caller_);
  }
  return ended;
}

}  // namespace millrace
