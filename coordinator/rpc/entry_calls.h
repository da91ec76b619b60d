// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <list>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/token_bucket.h"

namespace millrace {

/// What all callers without a certificate may have and do, together: nothing tells them apart.
struct EntryLimits {
  int64_t calls = 64;  // open at once
  double calls_per_s = 50;
  double burst = 200;
};

class EntryCalls;

/// A place among the entry calls; free again when this dies, which must be before its context does.
class EntryPlace {
 public:
  ~EntryPlace();
  EntryPlace(const EntryPlace&) = delete;
  EntryPlace& operator=(const EntryPlace&) = delete;

  /// When the call is to be over, from now on, by the clock of the calls.
  void SetDeadline(absl::Time deadline);

 private:
  friend class EntryCalls;
  EntryPlace(EntryCalls* calls, grpc::CallbackServerContext* context, bool counts,
             absl::Time deadline)
      : calls_(calls), context_(context), counts_(counts), deadline_(deadline) {}

  EntryCalls* const calls_;
  grpc::CallbackServerContext* const context_;
  const bool counts_;    // against the limits: it has no certificate
  absl::Time deadline_;  // guarded by the calls' lock
  std::list<EntryPlace*>::iterator place_;
};

/// The way in for calls that need no certificate. Thread-safe.
class EntryCalls {
 public:
  /// Nobody sets `steady`, which outlives it.
  explicit EntryCalls(Clock* steady, const EntryLimits& limits = EntryLimits());

  /// OK for callers with a certificate, and others within the limits: RESOURCE_EXHAUSTED, with when
  /// to come again.
  absl::StatusOr<std::unique_ptr<EntryPlace>> Begin(grpc::CallbackServerContext* context,
                                                    bool has_certificate, absl::Time deadline);
  /// Cancels the calls whose deadline is over: nobody keeps a place by being slow.
  void EndLate();

 private:
  friend class EntryPlace;

  Clock* const steady_;
  const EntryLimits limits_;
  absl::Mutex mutex_;
  TokenBucket rate_ ABSL_GUARDED_BY(mutex_);
  int64_t counted_ ABSL_GUARDED_BY(mutex_) = 0;
  std::list<EntryPlace*> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
