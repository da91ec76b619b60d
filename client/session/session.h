// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/life_sign.h"
#include "base/random.h"
#include "client/operation/availability.h"
#include "client/operation/backoff.h"
#include "client/session/link.h"
#include "client/session/secure_session.h"
#include "client/session/site_identity.h"
#include "client/session/spool.h"
#include "client/session/unmask_file.h"
#include "client/training/worker.h"
#include "millrace/v1/common.pb.h"
#include "millrace/v1/telemetry.pb.h"

namespace millrace {

/// What a session works with; everything outlives it.
struct SessionParts {
  Link* link = nullptr;
  Spool* spool = nullptr;
  Worker* worker = nullptr;
  const Availability* availability = nullptr;
  SiteIdentity* identity = nullptr;
  UnmaskFile* unmasked = nullptr;
  Clock* clock = nullptr;      // of the site's hours
  Clock* steady = nullptr;     // of deadlines and periods: the other may be set meanwhile
  Heartbeat* heart = nullptr;  // beats while the session goes on, at least once in a minute
};

struct SessionOptions {
  std::string version;  // of the daemon
  SecureFloor floor;
  absl::Duration check_in_wait = absl::Seconds(20);
  absl::Duration report_every = absl::Seconds(2);
  absl::Duration object_every = absl::Seconds(5);  // how soon the end of a pause is noticed
  BackoffOptions backoff;
  int64_t quota_bytes = 0;  // that the spool may take; 0: no limit
  uint64_t seed = 1;        // of the jitter
  // Called between rounds, by the thread that runs them: the time for a new identity.
  std::function<void()> before_check_in;
  // The models that judge the site's machines; may be empty.
  std::function<std::vector<v1::ServedModel>()> serving;
  // And how much of what these see has drifted; may be empty.
  std::function<std::vector<v1::ModelDrift>()> drift;
};

/// A site's side of rounds: check in, download, work, send, and again, for as long as the daemon
/// lives. Whatever fails is tried again, later and later; what the coordinator has refused for good
/// is dropped.
class Session {
 public:
  Session(const SessionParts& parts, const SessionOptions& options);

  /// Works until Stop. Call once.
  void Run();
  /// Thread-safe; Run returns soon after, abandoning what is in hand (the spool keeps it).
  void Stop();

  /// One check-in and what comes of it. UNAVAILABLE and the like when it should be tried again.
  absl::Status RunOnce();

 private:
  absl::Status DoAssignment(const v1::Assignment& assignment);
  absl::StatusOr<std::string> FetchModel(const v1::Assignment& assignment, absl::Time deadline);
  /// Does the work and leaves the update at `update_path`.
  absl::StatusOr<WorkResult> Work(const v1::Assignment& assignment, const std::string& update_path,
                                  absl::Time deadline);
  /// The update that may leave the site, in the spool; under masks where `secure` is set.
  absl::StatusOr<v1::UploadHeader> MakeUpdate(const v1::Assignment& assignment, const Plan& plan,
                                              SecureSession* secure, absl::Time deadline);
  /// What leaves the site of a failure is its PublicText.
  absl::Status TellFailure(const v1::RoundId& round, const absl::Status& failure);
  absl::Status Send(const v1::UploadHeader& header, absl::Time deadline);
  /// Calls `step` until it succeeds, fails for good, or the deadline or Stop comes. Where it moves
  /// `reached` on before it fails, its failures are counted anew.
  template <typename Step>
  absl::Status Persist(absl::string_view what, absl::Time deadline, const Step& step,
                       const int64_t* reached = nullptr);
  /// How long to wait after so many failures in a row: longer where the refusal asks for it.
  absl::Duration Patience(const absl::Status& status, int failures);
  void Pause(absl::Duration duration);

  const SessionParts parts_;
  const SessionOptions options_;
  Random random_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace millrace
