// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aggregation/secure/secure_client.h"
#include "base/clock.h"
#include "client/session/link.h"
#include "client/session/site_identity.h"
#include "client/session/unmask_file.h"
#include "millrace/v1/rounds.pb.h"
#include "plan/plan.h"

namespace millrace {

/// Calls a step until it succeeds, fails for good, or the deadline comes (Session::Persist).
using Persistence = std::function<absl::Status(absl::string_view what, absl::Time deadline,
                                               const std::function<absl::Status()>& step)>;

/// What a secure session works with; everything outlives it.
struct SecureParts {
  Link* link = nullptr;
  Clock* steady = nullptr;  // of the deadlines
  SiteIdentity* identity = nullptr;
  UnmaskFile* unmasked = nullptr;
};

/// A site's secure phases with its coordinator, around the work and the upload of one assignment.
/// Its secrets live in memory alone and die with it: after a restart the site resends the vector
/// that it has masked, or sits the attempt out.
class SecureSession {
 public:
  /// `plan` is the assignment's, `floor` the site's own.
  SecureSession(const SecureParts& parts, Persistence persist, const v1::Assignment& assignment,
                const Plan& plan, const SecureFloor& floor);

  /// Advertises and shares. FAILED_PRECONDITION when the round goes on without this site, is
  /// older than one that it has helped to unmask, or when what the coordinator shows does not
  /// protect it.
  absl::Status Join(absl::Time deadline);

  /// The masks for this site's vector, once.
  absl::StatusOr<MaskSet> TakeMasks() { return client_.TakeMasks(); }

  /// After the upload: agrees and helps to unmask. OK also when the round is over before, because
  /// others were enough.
  absl::Status Finish(absl::Time deadline);

 private:
  absl::Status LearnCertificates(const std::vector<v1::Advertisement>& cohort, absl::Time deadline);
  absl::Status HelpToUnmask(absl::Time deadline);
  absl::StatusOr<v1::AgreeResponse> Agree(const std::string& signature, absl::Time deadline);
  /// Repeats a long poll until it is ready.
  template <typename Response>
  absl::StatusOr<Response> Await(absl::string_view what, absl::Time deadline,
                                 const std::function<absl::StatusOr<Response>()>& call);

  const SecureParts parts_;
  const Persistence persist_;
  const v1::RoundId round_;
  const SecureMode mode_;
  SecureClient client_;
  bool round_over_ = false;  // as the coordinator's last answer says
};

}  // namespace millrace
