// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/crypto/certificate.h"
#include "coordinator/engine/engine.h"
#include "coordinator/enrollment/membership.h"
#include "coordinator/rpc/call_limiter.h"

namespace millrace {

class SiteCalls;

/// A call of a site, or of a person with the command line, let in; over when this dies, which must
/// be before its context does.
class SiteCall {
 public:
  ~SiteCall();
  SiteCall(const SiteCall&) = delete;
  SiteCall& operator=(const SiteCall&) = delete;

  /// Its name, of a site's call.
  const std::string& site() const { return caller_.name; }
  /// The site has sent this many bytes; RESOURCE_EXHAUSTED if it sends too many.
  absl::Status Received(int64_t bytes);
  /// The site has taken what was sent to it.
  void Sent();

 private:
  friend class SiteCalls;
  SiteCall(SiteCalls* calls, grpc::CallbackServerContext* context, Identity caller,
           std::string certificate, CallKind kind);

  SiteCalls* const calls_;
  grpc::CallbackServerContext* const context_;
  const Identity caller_;
  const std::string certificate_;  // PEM; read only when one is revoked
  const CallKind kind_;
  absl::Time moved_;  // guarded by the calls' lock
  std::list<SiteCall*>::iterator place_;
};

/// The way in for every call of a site and every stream to a person, and the list of those that are
/// in. Thread-safe.
class SiteCalls {
 public:
  /// Both outlive it. Nobody sets `steady`.
  SiteCalls(Engine* engine, Clock* steady, const CallLimits& limits);

  /// OK for a site that the engine admits and that keeps to the limits: UNAUTHENTICATED,
  /// PERMISSION_DENIED or RESOURCE_EXHAUSTED otherwise, naming the caller.
  absl::StatusOr<std::unique_ptr<SiteCall>> Begin(grpc::CallbackServerContext* context,
                                                  CallKind kind);
  /// The same for a person who has at least `role`.
  absl::StatusOr<std::unique_ptr<SiteCall>> BeginPerson(grpc::CallbackServerContext* context,
                                                        Role role, CallKind kind);
  /// Begin for a site, BeginPerson for a viewer.
  absl::StatusOr<std::unique_ptr<SiteCall>> BeginReader(grpc::CallbackServerContext* context,
                                                        CallKind kind);
  /// Cancels transfers that have moved nothing for too long: who stays away for good must not keep
  /// a place, nor the memory of what it does not read.
  void EndStalled();
  /// Cancels every open call of a certificate whose serial number `is_revoked`; whose they were.
  Holders EndRevoked(const std::function<bool(const std::string&)>& is_revoked);

 private:
  friend class SiteCall;

  absl::StatusOr<std::unique_ptr<SiteCall>> Take(grpc::CallbackServerContext* context,
                                                 Identity caller, CallKind kind);

  Engine* const engine_;
  Clock* const steady_;
  const absl::Duration stall_;
  absl::Mutex mutex_;
  CallLimiter limiter_ ABSL_GUARDED_BY(mutex_);
  std::list<SiteCall*> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
