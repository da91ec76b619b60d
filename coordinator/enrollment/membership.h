// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/crypto/certificate.h"
#include "base/crypto/revocation_list.h"
#include "base/crypto/trust.h"
#include "coordinator/enrollment/enrollment_store.h"
#include "millrace/v1/enrollment.pb.h"

namespace millrace {

/// Who holds certificates.
struct Holders {
  std::set<std::string> sites;
  std::set<std::string> people;  // of the command line, with their roles: "operator ada"

  void Add(const Identity& identity);
  void Add(const Holders& others);
};

/// What a revocation list adds to the one before.
struct NewlyRevoked {
  int64_t number = 0;  // of the list
  std::vector<std::string> serials;
  Holders holders;  // who loses a certificate which came or was used here
};

/// Whose certificates count: those of the authorities that are trusted now, but for the revoked
/// ones. Thread-safe.
class Membership {
 public:
  /// From the configured authority.crt and what was published since; both outlive the object.
  /// INVALID_ARGUMENT for a file that holds no authorities.
  static absl::StatusOr<std::unique_ptr<Membership>> Create(const std::string& authority_pem,
                                                            EnrollmentStore* store, Clock* clock);

  /// Whose certificate (PEM) this is, that TLS has let in. UNAUTHENTICATED if it is no member's,
  /// also because it has expired since; PERMISSION_DENIED if it was revoked.
  absl::StatusOr<CertificateInfo> Check(const std::string& pem);
  bool IsRevoked(const std::string& serial) const;
  /// Why the revocation list may lack what was revoked lately, and the way out; empty if it does
  /// not, as far as anybody here can know.
  std::string Doubt() const;

  /// Takes in what the authority has signed; durable on return. FAILED_PRECONDITION or
  /// INVALID_ARGUMENT for what does not follow from what is held.
  absl::StatusOr<NewlyRevoked> PublishRevocations(const std::string& pem);
  /// Also an earlier one that leads to what is held, for sites that are behind: a coordinator that
  /// goes on from a backup may have it from its file only.
  absl::Status PublishStatement(const SignedTrust& statement);
  /// Of the newest statement that is held.
  int64_t TrustNumber() const;

  /// What lies behind statement `number` and revocation list `list`.
  v1::Trust Trust(int64_t number, int64_t list) const;
  std::string AuthoritiesPem() const;

 private:
  Membership(EnrollmentStore* store, Clock* clock) : store_(store), clock_(clock) {}

  absl::Status Apply(const SignedTrust& statement) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeEarlier(const SignedTrust& statement) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// A list whose signer is trusted no more: sites would not believe it. Here it stands, but for
  /// its number, until the next one comes: rather keep somebody out than let somebody in.
  void KeepListForOurselves() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  EnrollmentStore* const store_;
  Clock* const clock_;
  mutable absl::Mutex mutex_;
  TrustedAuthorities base_ ABSL_GUARDED_BY(mutex_);  // the configured file's
  TrustedAuthorities authorities_ ABSL_GUARDED_BY(mutex_);
  std::string authorities_pem_ ABSL_GUARDED_BY(mutex_);
  std::vector<SignedTrust> statements_ ABSL_GUARDED_BY(mutex_);
  std::string revoked_pem_ ABSL_GUARDED_BY(mutex_);
  RevocationList revoked_ ABSL_GUARDED_BY(mutex_);
  std::string doubt_ ABSL_GUARDED_BY(mutex_);
  // Certificates whose signature was verified, by their SHA-256: a call costs a digest.
  std::map<Digest, CertificateInfo> verified_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
