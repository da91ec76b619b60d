// SPDX-License-Identifier: Apache-2.0
// A coordinator in this process, over mTLS on loopback, and sessions with it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/life_sign.h"
#include "base/steady_clock.h"
#include "client/session/session.h"
#include "coordinator/server.h"
#include "tests/testing/callers.h"
#include "tests/testing/fake_worker.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/tiny_plan.h"

namespace millrace::testing {

/// One round of training and one of evaluation, by one site.
inline TinyPlan OneSitePlan() {
  TinyPlan plan;
  plan.rounds = 1;
  plan.cohort = "target = 1\nwait_s = 0\nbackoff_s = 1\n";
  plan.normalization = "none";
  return plan;
}

/// Most plans here have one site, which nothing hides.
inline constexpr SecureFloor kInTheClear{.at_least = SecureMode::kOff};

class SessionRig {
 public:
  /// The coordinator listens and runs the plan as "tiny-1".
  explicit SessionRig(const TinyPlan& plan = OneSitePlan());

  int port() const { return server_->port(); }
  Connection& as_operator() { return *operator_; }
  v1::Run Run() { return operator_->GetRun("tiny-1").value(); }
  LinkOptions LinkTo(int port) const { return SiteLink(federation_, "press-7", port); }
  std::string SpoolFolder() const { return folder_.path() + "/spool"; }

 private:
  const TemporaryFolder folder_;
  const TestFederation federation_;
  std::unique_ptr<CoordinatorServer> server_;
  std::unique_ptr<Connection> operator_;
};

/// A site's daemon, over the rig's spool folder, without the process.
class TestSite {
 public:
  struct Options {
    Clock* clock = SystemClock();
    Clock* steady = SteadyClock();
    SecureFloor floor = kInTheClear;
    int64_t quota_bytes = 0;
    std::function<std::vector<v1::ModelDrift>()> drift = nullptr;
    BackoffOptions backoff = {.first = absl::Milliseconds(5), .longest = absl::Milliseconds(100)};
  };
  TestSite(const SessionRig& rig, const LinkOptions& link, Worker* worker, const Options& options);
  TestSite(const SessionRig& rig, const LinkOptions& link, Worker* worker)
      : TestSite(rig, link, worker, Options()) {}
  TestSite(const SessionRig& rig, int port, Worker* worker, const Options& options)
      : TestSite(rig, rig.LinkTo(port), worker, options) {}
  TestSite(const SessionRig& rig, int port, Worker* worker)
      : TestSite(rig, port, worker, Options()) {}
  /// Stops a session that runs.
  ~TestSite();

  Session& session() { return *session_; }
  Spool& spool() { return *spool_; }
  const Heartbeat& heart() const { return heart_; }
  /// Session::Run in a thread.
  void Start();

 private:
  Link link_;
  const std::unique_ptr<Spool> spool_;
  Availability availability_;
  UnmaskFile unmasked_;
  SiteIdentity identity_;
  Heartbeat heart_;
  std::unique_ptr<Session> session_;
  std::thread thread_;
};

}  // namespace millrace::testing
