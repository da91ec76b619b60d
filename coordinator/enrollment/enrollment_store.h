// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/crypto/digest.h"
#include "base/crypto/trust.h"
#include "coordinator/enrollment/audit_chain.h"

namespace millrace {

/// That a site may ask for a certificate, once.
struct Invitation {
  std::string site;
  Digest token;  // SHA-256 of what the site will show; the token itself is nowhere
  absl::Time created;
  absl::Time expires;
  std::optional<Digest> used_by;  // fingerprint of the key that it was redeemed with
};

enum class RequestState { kPending = 1, kSigned = 2, kRejected = 3 };

/// A key that asks for its certificate.
struct CertificateCase {
  Digest key;  // fingerprint: what names it
  std::string site;
  RequestState state = RequestState::kPending;
  absl::Time created;
  std::string signing_request;  // DER
  std::string proof;            // of an enrollment
  std::string present;          // of a renewal: the site's present certificate, DER
  std::string signature;        // of a renewal
  std::string certificate;      // DER, once signed
  std::string reason;           // once rejected

  bool is_renewal() const { return !present.empty(); }
};

/// What the coordinator must not forget of who belongs to the federation. Thread-safe; more than
/// one process may share one store. Every change is durable on return; RESOURCE_EXHAUSTED when the
/// disk is full, read-only or failing, UNAVAILABLE when another process keeps the store busy.
class EnrollmentStore {
 public:
  virtual ~EnrollmentStore() = default;

  /// Drops the site's earlier invitations that were not used.
  virtual absl::Status PutInvitation(const Invitation& invitation) = 0;
  virtual absl::StatusOr<std::optional<Invitation>> FindInvitation(const Digest& token) = 0;
  /// Marks the invitation as used by this key and keeps the case, both or neither. ABORTED if
  /// another call was faster.
  virtual absl::Status Redeem(const Digest& token, const CertificateCase& opened) = 0;

  /// Forgets the invitations that ended before `time`, used or not.
  virtual absl::Status DropInvitations(absl::Time time) = 0;

  /// Inserts or replaces, by key. A pending case takes the place of the site's other pending ones,
  /// an enrollment of enrollments and a renewal of renewals: a site may have one of each, from two
  /// machines.
  virtual absl::Status PutCase(const CertificateCase& changed) = 0;
  virtual absl::StatusOr<std::optional<CertificateCase>> FindCase(const Digest& key) = 0;
  /// OK if there is none.
  virtual absl::Status DropCase(const Digest& key) = 0;
  /// By site and time.
  virtual absl::StatusOr<std::vector<CertificateCase>> LoadCases() = 0;

  virtual absl::Status PutStatement(const SignedTrust& statement) = 0;
  /// By number.
  virtual absl::StatusOr<std::vector<SignedTrust>> LoadStatements() = 0;
  /// What MarkRestored has said is over with it.
  virtual absl::Status PutRevocationList(const std::string& pem) = 0;
  /// Empty if there is none.
  virtual absl::StatusOr<std::string> LoadRevocationList() = 0;
  /// The store comes from a backup: revocations that were published after it are not in it.
  virtual absl::Status MarkRestored(absl::Time time) = 0;
  /// When that was; nothing once a list was put.
  virtual absl::StatusOr<std::optional<absl::Time>> LoadRestored() = 0;

  /// Gives the entry its place in the chain. Nothing ever changes or removes one.
  virtual absl::Status AppendAudit(AuditEntry entry) = 0;
  /// At most `limit` entries whose sequence is above `after`, oldest first.
  virtual absl::StatusOr<std::vector<AuditEntry>> LoadAudit(int64_t after, int64_t limit) = 0;
};

/// Opens or makes the tables in the database at `path`, which may be the Store's own; ":memory:"
/// for one that ends with the process. `on_fault` hears of what goes wrong with the database, by
/// the thread that meets it.
absl::StatusOr<std::unique_ptr<EnrollmentStore>> OpenSqliteEnrollmentStore(
    const std::string& path, std::function<void(const absl::Status&)> on_fault = {});

}  // namespace millrace
