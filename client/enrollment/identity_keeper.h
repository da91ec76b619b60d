// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/life_sign.h"
#include "client/enrollment/identity_files.h"
#include "client/session/link.h"

namespace millrace {

/// Keeps a site's identity good while its daemon runs: learns whom to trust and who was revoked,
/// and has its certificate renewed before it ends. What is new is on disk before it is used; the
/// link uses it at once, so that a connection that is lost in the middle of a round comes back
/// under new authorities too. Run and RunOnce belong to one thread, Take to any.
class IdentityKeeper {
 public:
  /// Everything outlives it. `credentials` are what `files` hold and `link` uses.
  IdentityKeeper(Link* link, IdentityFiles* files, SiteCredentials credentials, Clock* clock)
      : link_(link), files_(files), clock_(clock), credentials_(std::move(credentials)) {}

  /// Looks every `period` until Stop. `heart` beats while it goes on.
  void Run(absl::Duration period, Heartbeat* heart);
  void Stop() { stopping_ = true; }
  /// One look. The first fault there was; both parts are tried.
  absl::Status RunOnce();

  /// The newest credentials, once each: for what must not change within a round.
  std::optional<SiteCredentials> Take();

 private:
  absl::Status UpdateTrust();
  absl::Status Renew();
  void Offer();

  Link* const link_;
  IdentityFiles* const files_;
  Clock* const clock_;
  std::atomic<bool> stopping_ = false;
  SiteCredentials credentials_;

  absl::Mutex mutex_;
  std::optional<SiteCredentials> offered_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
