// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "coordinator/config.h"
#include "coordinator/engine/engine.h"
#include "coordinator/enrollment/audit_log.h"
#include "coordinator/enrollment/enrollment.h"
#include "coordinator/enrollment/membership.h"
#include "coordinator/rpc/enrollment_service.h"
#include "coordinator/rpc/entry_calls.h"
#include "coordinator/rpc/entry_service.h"
#include "coordinator/rpc/gate.h"
#include "coordinator/rpc/site_calls.h"
#include "coordinator/storage/storage_health.h"
#include "coordinator/tls_identity.h"

namespace millrace {

/// Who belongs to the federation, as one coordinator sees it: what it serves TLS with, whom it lets
/// in, and the service by which members come and go. Thread-safe where not said otherwise.
class Federation {
 public:
  /// Opens what is kept in `store_path` and checks the configured certificate. Messages name the
  /// file and the reason. `storage`, which hears of faults, and the clocks outlive it: the wall's,
  /// which certificates go by, and one that nobody sets.
  static absl::StatusOr<std::unique_ptr<Federation>> Open(const CoordinatorConfig& config,
                                                          const std::string& store_path,
                                                          StorageHealth* storage, Clock* clock,
                                                          Clock* steady);

  const std::string& name() const { return name_; }
  AuditLog* audit() { return &audit_; }
  std::shared_ptr<grpc::ServerCredentials> Credentials();

  /// Registers the services; call once, before the server starts. All but `builder` outlive it.
  void StartServices(Engine* engine, SiteCalls* calls, WaitingRoom* room,
                     grpc::ServerBuilder& builder);

  /// What there is to do from time to time: takes up a new certificate of the coordinator, warns of
  /// one that ends, ends the calls of the revoked that came in just before and those that are too
  /// slow for a caller without a certificate, and forgets old requests. One thread at a time.
  void Tick();

 private:
  Federation(std::unique_ptr<EnrollmentStore> store, std::unique_ptr<Membership> membership,
             TlsIdentity tls, Clock* clock, Clock* steady);

  void Revoke(const Holders& losers);
  /// Ends the site's part in open rounds.
  void PutOut(const std::string& site);
  absl::Status CheckTrust(const TrustedAuthorities& next);
  void TrustAuthorities();
  void RefreshCertificate();

  Clock* const clock_;
  Clock* const steady_;  // all times below are of it
  const std::unique_ptr<EnrollmentStore> store_;
  const std::unique_ptr<Membership> membership_;
  AuditLog audit_;
  Enrollment enrollment_;
  std::string name_;
  Engine* engine_ = nullptr;
  SiteCalls* calls_ = nullptr;
  EntryCalls entry_calls_;
  std::unique_ptr<EnrollmentService> service_;
  std::unique_ptr<EntryService> entry_;
  absl::Time next_refresh_ = absl::InfinitePast();
  std::atomic<bool> authorities_served_ = true;  // those that the members trust
  absl::Time next_warning_ = absl::InfinitePast();
  absl::Time next_doubt_ = absl::InfinitePast();
  absl::Time next_forgetting_ = absl::InfinitePast();
  absl::Status refusal_;  // the last one of the configured files, said once

  absl::Mutex mutex_;
  TlsIdentity tls_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Time> revoked_ ABSL_GUARDED_BY(mutex_);  // sites, since when
  absl::Time last_revoked_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace millrace
