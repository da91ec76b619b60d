// SPDX-License-Identifier: Apache-2.0
#include "coordinator/federation.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>
#include <utility>

#include "base/crypto/pem_file.h"
#include "base/log.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr unsigned kWatchSeconds = 1;  // how often gRPC looks at the files that it serves with
constexpr absl::Duration kRefreshEvery = absl::Seconds(2);
constexpr absl::Duration kExpiryNotice = absl::Hours(7 * 24);
constexpr absl::Duration kWarnEvery = absl::Hours(24);
// A call that was let in just before its certificate was revoked is found within this.
constexpr absl::Duration kLatecomers = absl::Seconds(5);
constexpr absl::Duration kForgetEvery = absl::Hours(24);

}  // namespace

Federation::Federation(std::unique_ptr<EnrollmentStore> store,
                       std::unique_ptr<Membership> membership, TlsIdentity tls, Clock* clock,
                       Clock* steady)
    : clock_(clock),
      steady_(steady),
      store_(std::move(store)),
      membership_(std::move(membership)),
      audit_(store_.get(), clock),
      enrollment_(store_.get(), membership_.get(), clock),
      name_(tls.info().federation),
      entry_calls_(steady),
      tls_(std::move(tls)) {}

absl::StatusOr<std::unique_ptr<Federation>> Federation::Open(const CoordinatorConfig& config,
                                                             const std::string& store_path,
                                                             StorageHealth* storage, Clock* clock,
                                                             Clock* steady) {
  FileSystem* const files = storage->files();
  MR_ASSIGN_OR_RETURN(const std::string authority, ReadFile(files, config.authority, kMaxPemBytes));
  MR_ASSIGN_OR_RETURN(
      auto store, OpenSqliteEnrollmentStore(
                      store_path, [storage](const absl::Status& fault) { storage->Note(fault); }));
  absl::StatusOr<std::unique_ptr<Membership>> membership =
      Membership::Create(authority, store.get(), clock);
  if (!membership.ok()) return Annotate(membership.status(), config.authority);
  MR_ASSIGN_OR_RETURN(
      TlsIdentity tls,
      TlsIdentity::Create(files, config, (*membership)->AuthoritiesPem(), clock->Now()));
  return std::unique_ptr<Federation>(
      new Federation(std::move(store), *std::move(membership), std::move(tls), clock, steady));
}

std::shared_ptr<grpc::ServerCredentials> Federation::Credentials() {
  using grpc::experimental::FileWatcherCertificateProvider;
  absl::MutexLock lock(&mutex_);
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<FileWatcherCertificateProvider>(tls_.identity_path(), tls_.identity_path(),
                                                       tls_.authorities_path(), kWatchSeconds));
  options.watch_identity_key_cert_pairs();
  options.watch_root_certs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  auto credentials = grpc::experimental::TlsServerCredentials(options);
  credentials->SetAuthMetadataProcessor(std::make_shared<Gate>(membership_.get()));
  return credentials;
}

void Federation::StartServices(Engine* engine, SiteCalls* calls, WaitingRoom* room,
                               grpc::ServerBuilder& builder) {
  engine_ = engine;
  calls_ = calls;
  EnrollmentParts parts;
  parts.enrollment = &enrollment_;
  parts.membership = membership_.get();
  parts.audit = &audit_;
  parts.calls = calls;
  parts.room = room;
  parts.steady = steady_;
  parts.on_revoked = [this](const Holders& losers) { Revoke(losers); };
  parts.check_trust = [this](const TrustedAuthorities& next) { return CheckTrust(next); };
  parts.on_trust = [this] { TrustAuthorities(); };
  service_ = std::make_unique<EnrollmentService>(std::move(parts));
  builder.RegisterService(service_.get());
  entry_ = std::make_unique<EntryService>(
      EntryParts{&enrollment_, membership_.get(), &entry_calls_, room, steady_});
  builder.RegisterCallbackGenericService(entry_.get());
}

void Federation::Revoke(const Holders& losers) {
  for (const std::string& site : losers.sites) {
    LogWarning("site revoked", {{"site", site}});
    PutOut(site);
  }
  for (const std::string& person : losers.people) LogWarning("person revoked", {{"who", person}});
  absl::MutexLock lock(&mutex_);
  last_revoked_ = steady_->Now();
  for (const std::string& site : losers.sites) revoked_[site] = last_revoked_;
}

void Federation::PutOut(const std::string& site) {
  engine_->PutOut(site);
  for (const RunState& run : engine_->Runs()) {
    const RoundState* const round = run.phase == RunPhase::kRunning ? run.Current() : nullptr;
    if (round == nullptr || std::ranges::find(round->cohort, site) == round->cohort.end()) continue;
    const absl::Status told =
        engine_->ReportFailure(site, round->id, "its certificate was revoked");
    if (!told.ok()) LogInfo("the round goes on with it", {{"reason", told.message()}});
  }
}

absl::Status Federation::CheckTrust(const TrustedAuthorities& next) {
  MR_ASSIGN_OR_RETURN(const std::string pem, AuthoritiesPem(next));
  absl::MutexLock lock(&mutex_);
  return Annotate(
      VerifyPeerCertificate(tls_.certificate_pem(), pem, Role::kCoordinator, clock_->Now())
          .status(),
      "the coordinator would be left without a certificate that counts, give it its "
      "next one first");
}

void Federation::TrustAuthorities() {
  absl::MutexLock lock(&mutex_);
  const absl::Status status = tls_.TrustAuthorities(membership_->AuthoritiesPem());
  authorities_served_ = status.ok();
  if (!status.ok()) {
    LogError("new authorities not served yet", {{"error", status.message()}});
  }
}

void Federation::Tick() {
  const absl::Time now = steady_->Now();
  entry_calls_.EndLate();
  std::vector<std::string> late;
  bool look_for_calls = false;
  {
    absl::MutexLock lock(&mutex_);
    look_for_calls = now - last_revoked_ <= kLatecomers;
    for (const auto& [site, since] : revoked_) late.push_back(site);
    std::erase_if(revoked_, [now](const auto& entry) { return now - entry.second > kLatecomers; });
  }
  if (look_for_calls) {
    calls_->EndRevoked(
        [this](const std::string& serial) { return membership_->IsRevoked(serial); });
  }
  for (const std::string& site : late) PutOut(site);
  if (now < next_refresh_) return;
  next_refresh_ = now + kRefreshEvery;
  if (!authorities_served_) TrustAuthorities();
  RefreshCertificate();
  if (const std::string doubt = membership_->Doubt(); !doubt.empty() && now >= next_doubt_) {
    next_doubt_ = now + kWarnEvery;
    LogError("the revocation list may be out of date", {{"reason", doubt}});
  }
  if (now < next_forgetting_) return;
  next_forgetting_ = now + kForgetEvery;
  if (const absl::Status forgotten = enrollment_.ForgetOld(); !forgotten.ok()) {
    LogWarning("old requests are not forgotten", {{"error", forgotten.message()}});
  }
}

void Federation::RefreshCertificate() {
  const absl::Time now = clock_->Now();
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<bool> changed = tls_.Refresh(now);
  const std::string expires = absl::FormatTime(tls_.info().not_after, absl::UTCTimeZone());
  if (changed.status() != refusal_ && !changed.ok()) {
    LogWarning("the coordinator's certificate files are not taken up",
               {{"reason", changed.status().message()}});
  }
  refusal_ = changed.status();
  if (changed.ok() && *changed) {
    next_warning_ = absl::InfinitePast();
    LogInfo("the coordinator has a new certificate", {{"expires", expires}});
  }
  if (steady_->Now() < next_warning_ || tls_.info().not_after - now >= kExpiryNotice) return;
  next_warning_ = steady_->Now() + kWarnEvery;
  LogWarning("the coordinator's certificate ends soon: put a new one in its place",
             {{"expires", expires}});
}

}  // namespace millrace
