// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "coordinator/enrollment/enrollment_store.h"
#include "coordinator/enrollment/membership.h"

namespace millrace {

inline constexpr absl::Duration kLongestInvitation = absl::Hours(30 * 24);

/// How sites come by their certificates: invited, redeemed with a key, decided by the authority.
/// Thread-safe; what it was given outlives it.
class Enrollment {
 public:
  Enrollment(EnrollmentStore* store, Membership* membership, Clock* clock)
      : store_(store), membership_(membership), clock_(clock) {}

  /// `token` is the SHA-256 of what the site will show. Returns when it expires.
  absl::StatusOr<absl::Time> Invite(const std::string& site, const Digest& token,
                                    absl::Duration life);

  /// A site shows its token; its case as it stands. PERMISSION_DENIED for a token that is unknown,
  /// has expired, or was used with another key.
  absl::StatusOr<CertificateCase> Redeem(const std::string& token,
                                         const std::string& signing_request,
                                         const std::string& proof);

  /// A case that was redeemed, as it stands. PERMISSION_DENIED if it is gone.
  absl::StatusOr<CertificateCase> Find(const Digest& key);

  /// A site that has a certificate asks for the next; its case as it stands. `present` is the
  /// present one, DER.
  absl::StatusOr<CertificateCase> Renew(const std::string& site, const std::string& present,
                                        const std::string& signing_request,
                                        const std::string& signature);

  absl::StatusOr<std::vector<CertificateCase>> Cases() { return store_->LoadCases(); }

  /// Forgets what nobody asks for any more: invitations that are over for a month, and requests
  /// whose certificate is, or that were rejected a month ago. Of each site what counts stays.
  absl::Status ForgetOld();

  /// The authority has signed: returns the site. NOT_FOUND for a key that did not ask,
  /// INVALID_ARGUMENT for a certificate that is not for this key and site.
  absl::StatusOr<std::string> Approve(const Digest& key, const std::string& certificate_der);
  /// NOT_FOUND unless the site has asked.
  absl::Status Reject(const std::string& site, const std::string& reason);

 private:
  EnrollmentStore* const store_;
  Membership* const membership_;
  Clock* const clock_;
};

}  // namespace millrace
