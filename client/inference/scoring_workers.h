// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/joint_heartbeat.h"
#include "base/life_sign.h"
#include "client/inference/installed_model.h"
#include "client/inference/machine_config.h"
#include "client/inference/machine_shares.h"
#include "client/inference/relearn_order.h"
#include "client/inference/scoring_tally.h"
#include "client/inference/scoring_worker.h"
#include "client/live/live_clock.h"
#include "client/live/sample.h"
#include "client/live/sample_router.h"

namespace millrace {

/// Judges the machines of a site on several threads. Each has machines of its own, with all that
/// belongs to them: what is said of a machine does not depend on the number of threads.
/// Thread-safe, but for Restore, Start and Stop, which one thread calls.
class ScoringWorkers final : public ModelUser {
 public:
  struct Options {
    int64_t workers = 1;        // threads at most; never more than machines
    int64_t queue_samples = 0;  // that may wait, of all threads together
  };

  /// `clock` outlives it.
  ScoringWorkers(const std::vector<MachineConfig>& machines, const Options& options,
                 ScoringSinks sinks, LiveClock* clock);
  /// Stops.
  ~ScoringWorkers() override;

  /// What was learnt before, with however many threads. Before Start, after Use.
  void Restore(const LearntOfMachines& learnt);
  /// Once.
  void Start();
  void Stop();

  /// Where the samples of all machines go, by the channels of ChannelNames(machines).
  SampleSink* sink();

  /// All threads take it up, each between two of its own windows; after an error none does.
  absl::Status Use(std::shared_ptr<InstalledModel> model) override;
  absl::Status Check(const ModelPackage& package) const override;
  /// One for each thread that has machines which it judges.
  size_t PredictorsFor(const std::string& name) const override;

  /// Has the thread of this machine learn anew what is normal of it; NOT_FOUND where there is no
  /// such machine.
  absl::Status Relearn(RelearnOrder order);

  /// Beats while every thread goes on.
  const Heartbeat* heart() const { return heart_.heart(); }
  size_t size() const { return workers_.size(); }
  /// Samples between the sources and the threads.
  int64_t waiting() const;
  /// Samples dropped so far for want of room.
  int64_t dropped() const;
  /// What they have done, as of a second ago or so.
  ScoringTally tally() const;

 private:
  ScoringWorkers(const std::vector<MachineConfig>& machines, std::vector<MachineShare> shares,
                 int64_t queue_samples, ScoringSinks sinks, LiveClock* clock);
  /// Those with machines that a model of this name judges.
  std::vector<ScoringWorker*> JudgesBy(const std::string& name) const;

  const ScoringSinks sinks_;
  JointHeartbeat heart_;
  std::vector<std::unique_ptr<ScoringWorker>> workers_;
  std::optional<SampleRouter> router_;  // none: there is one thread, and nothing to sort
};

}  // namespace millrace
