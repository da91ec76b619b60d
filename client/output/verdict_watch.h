// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "millrace/v1/live.grpc.pb.h"

namespace millrace {

class WatchRoom;

/// One caller of WatchVerdicts. Deletes itself once gRPC is done with it.
class VerdictWatch final : public grpc::ServerWriteReactor<v1::Verdict> {
 public:
  /// Enters the room, which has a place reserved for it. `room` and `context` outlive it.
  /// `machines`: none for all.
  VerdictWatch(WatchRoom* room, grpc::CallbackServerContext* context,
               std::set<std::string> machines);

  /// Sends it once those before it are sent. False: the caller is too far behind to be served.
  bool Offer(const std::shared_ptr<const v1::Verdict>& verdict);
  void HangUp() { context_->TryCancel(); }

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  WatchRoom* const room_;
  grpc::CallbackServerContext* const context_;
  const std::set<std::string> machines_;
  absl::Mutex mutex_;
  std::deque<std::shared_ptr<const v1::Verdict>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;  // the first of them
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

/// Those who watch. Thread-safe.
class WatchRoom {
 public:
  static constexpr size_t kMostWatches = 32;
  static constexpr size_t kMostBehind = 1024;  // verdicts

  /// A place for one more; false: there are too many.
  bool Reserve();
  void Enter(VerdictWatch* watch);
  /// Gives the place back.
  void Leave(VerdictWatch* watch);
  /// Those that are too slow are cut off: how many.
  int64_t Tell(const std::shared_ptr<const v1::Verdict>& verdict);
  int64_t size() const;

 private:
  mutable absl::Mutex mutex_;
  size_t reserved_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<VerdictWatch*> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
