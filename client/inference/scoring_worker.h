// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/joint_heartbeat.h"
#include "client/inference/engine.h"
#include "client/inference/machine_shares.h"
#include "client/inference/relearn_order.h"
#include "client/live/live_clock.h"
#include "client/live/sample_queue.h"

namespace millrace {

/// What is learnt of machines, for the next start.
struct LearntOfMachines {
  std::map<std::string, ScoringEngine::LearntThreshold> thresholds;
  ScoringEngine::LearntDrift drift;
  /// Unix time by machine: rows up to then teach no threshold, by somebody's order.
  std::map<std::string, int64_t> normal_since{};
};

/// Who hears what those who judge have to say. Called on the thread of the machine that it is
/// about: of one machine one after the other, of several at the same time. Those that may be
/// missing are for what nobody wants.
struct ScoringSinks {
  VerdictSink verdict;
  DriftSink drift;
  RowSink row;  // may be missing
  /// Every half second or so, between two rows of these machines, by their numbers. May be missing.
  std::function<void(std::span<const size_t> machines)> pause;
  /// What has been learnt of a thread's machines: every ten minutes, once it has taken up a model,
  /// after an order to learn anew, and at the end. May be missing.
  std::function<void(LearntOfMachines learnt)> learnt;
  /// It was followed, and `learnt` has heard of it. May be missing.
  std::function<void(const RelearnOrder& order)> relearnt;
};

/// Judges a share of a site's machines on a thread of its own.
class ScoringWorker {
 public:
  /// Beats as thread number `number`. What it gets outlives it.
  ScoringWorker(MachineShare share, int64_t queue_samples, const ScoringSinks* sinks,
                LiveClock* clock, JointHeartbeat* heart, size_t number);
  /// Stops.
  ~ScoringWorker();

  /// Once. Before it, the engine is the caller's.
  void Start();
  /// Tells it to stop, and does not wait for it. What waits in the queue is left there.
  void Halt();
  /// Halts, and waits.
  void Stop();

  /// Has the thread learn anew within a second or so, between two rows. From any thread.
  void Relearn(RelearnOrder order);

  SampleQueue& queue() { return queue_; }
  const SampleQueue& queue() const { return queue_; }
  ScoringEngine& engine() { return engine_; }
  const ScoringEngine& engine() const { return engine_; }

 private:
  RowSink SiteRows() const;
  void Run();
  void FollowOrders();
  void TellLearnt() const;

  const std::vector<size_t> machines_;  // their numbers among the site's
  const ScoringSinks* const sinks_;
  LiveClock* const clock_;
  JointHeartbeat* const heart_;
  const size_t number_;
  SampleQueue queue_;
  ScoringEngine engine_;
  std::atomic<bool> stopping_ = false;
  absl::Mutex mutex_;
  std::vector<RelearnOrder> orders_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace millrace
