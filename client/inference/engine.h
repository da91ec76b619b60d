// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "client/inference/alarm_explanations.h"
#include "client/inference/installed_model.h"
#include "client/inference/machine.h"
#include "client/inference/machine_config.h"
#include "client/inference/machine_memory.h"
#include "client/inference/machine_row.h"
#include "client/inference/machine_threshold.h"
#include "client/inference/machine_verdict.h"
#include "client/inference/relearn_order.h"
#include "client/inference/scoring_tally.h"
#include "client/live/live_clock.h"
#include "client/live/sample.h"
#include "models/package.h"
#include "models/predictor.h"

namespace millrace {

/// Judges the machines of a site: samples in, verdicts out, on the calling thread. Windows that are
/// due at the same time are scored together, those of machines of one kind in one batch. What it
/// says of a machine does not depend on the others; those with channels_of are judged by the rows
/// of others, which are made and checked once. Use and Check may be called from any thread,
/// everything else from one.
class ScoringEngine final : public ModelUser {
 public:
  /// `machines` has whom channels_of names, too. `clock` outlives it.
  ScoringEngine(
      std::vector<MachineConfig> machines, LiveClock* clock, VerdictSink sink,
      DriftSink drift_sink = [](const ChannelDrift&) {}, RowSink row_sink = nullptr);

  /// By its first predictor.
  absl::Status Use(std::shared_ptr<InstalledModel> model) override {
    return Use(std::move(model), 0);
  }
  /// By this predictor, which is then the engine's alone.
  absl::Status Use(std::shared_ptr<InstalledModel> model, size_t predictor);
  absl::Status Check(const ModelPackage& package) const override;
  /// One, or none.
  size_t PredictorsFor(const std::string& name) const override;

  /// The samples' channels are those of ChannelNames(machines). Windows that are due are scored
  /// once there are many.
  void Process(const SampleBatch& batch);
  /// Scores those that are left: to be called when no more samples wait.
  void ScoreDue();

  /// What need not be done while samples wait: gives a verdict of "not evaluated" for machines that
  /// have been silent for too long, once for each silence, and lets some thresholds follow their
  /// scores. To be called every second or so.
  void Maintain();

  /// What the machines' thresholds have learnt, for Restore after a restart.
  struct LearntThreshold {
    std::string model_sha256;  // of the parameters of the model whose scores they were
    std::shared_ptr<const std::string> bytes;
  };
  /// As they were when Maintain adapted each last.
  std::map<std::string, LearntThreshold> LearntThresholds() const;
  /// By machine. Those of other models than the ones in use are passed over.
  void RestoreThresholds(const std::map<std::string, LearntThreshold>& thresholds);

  /// What is known of the machines' drift, by machine, as Maintain noted it last, for the same.
  using LearntDrift = std::map<std::string, std::shared_ptr<const std::string>>;
  LearntDrift NotedDrift() const;
  /// Tells what is in drift still.
  void RestoreDrift(const LearntDrift& drift);
  /// Whether a model was taken up since this was last true, and Maintain has noted what was learnt
  /// for it of every machine: recordings are not to be read again for that.
  bool HasNewsOfModels() { return std::exchange(has_news_, false); }

  /// What is normal of this machine, from now on. Tells of each channel that it learns.
  void Relearn(const RelearnOrder& order);
  /// Whether there is such a machine. From any thread.
  bool Watches(const std::string& machine) const;

  const EngineCounts& counts() const { return counts_; }
  /// As Maintain noted it last. From any thread.
  ScoringTally tally() const;

 private:
  struct Kind;
  /// Who is judged by the rows of another machine.
  struct Judged {
    Kind* kind = nullptr;
    size_t index = 0;
  };
  /// What a machine is judged by.
  struct Subject {
    const Machine* rows = nullptr;
    const ModelWindow* window = nullptr;
  };
  /// Machines judged by the same model; all vectors in the order of their names.
  struct Kind {
    MachineConfig config;
    std::vector<Machine> machines;     // empty: their rows are those of others
    std::vector<ModelWindow> windows;  // of others' rows
    std::vector<Subject> subjects;
    std::vector<std::vector<Judged>> judged;  // by their rows; empty: nobody is
    std::vector<bool> silent;
    std::vector<AlarmExplanations> explanations;
    std::vector<MachineThreshold> thresholds;  // of machines; empty: fixed, or none are needed
    std::vector<int64_t> adapted_ns;           // when each was, monotonic
    std::vector<std::shared_ptr<const std::string>> learnt;  // of thresholds, as they are saved
    std::vector<MachineDrift> score_drift;  // of machines; empty: it is not watched
    std::vector<std::shared_ptr<const std::string>> noted_drift;  // of machines
    // Those of the model before, in case it comes back.
    std::vector<MachineThreshold> former_thresholds;
    std::string former_sha256;
    std::shared_ptr<InstalledModel> model;
    Predictor* predictor = nullptr;  // the model's, for this engine
    // Windows that are due, [n, window, channels], scaled, and whose they are.
    std::vector<float> inputs;
    std::vector<size_t> due;
    std::vector<int32_t> due_modes;  // of their last rows
    std::vector<MachineVerdict> verdicts;
  };
  /// A model that is to be taken up.
  struct Next {
    std::shared_ptr<InstalledModel> model;
    size_t predictor = 0;
  };
  struct Place {
    Kind* kind = nullptr;
    int32_t machine = 0;
    int32_t channel = 0;
    size_t site_machine = 0;  // among all machines
  };

  void AddKind(MachineConfig config, size_t& site_machine);
  /// Gives those who are judged by others' rows those rows.
  void ShareRows();
  void PushToJudged(Kind& kind, size_t index);
  void TakeUpModels();
  /// The channels that are compared from now on with what the model brings along.
  std::vector<ChannelDrift> TakeUp(const Next& next, Kind& kind);
  std::vector<ChannelDrift> TakeRecordedDrift(Kind& kind) const;
  void NoticeSilence(Kind& kind, size_t index);
  void Due(Kind& kind, size_t index);
  void TellDrift(const Kind& kind, const Machine& machine) const;
  /// Of what is suspected or confirmed, also of the score.
  std::vector<ChannelDrift> DriftIn(const Kind& kind) const;
  /// Tells which of these are learnt anew.
  void TellForgotten(const std::vector<ChannelDrift>& before, const Kind& kind) const;
  void WatchScore(Kind& kind, size_t due) const;
  DriftMemory MemoryOf(Kind& kind, size_t index) const;
  void RelearnDrift(const RelearnOrder& order, Kind& kind, size_t index);
  static void RelearnThreshold(Kind& kind, size_t index);
  void NoteDrift();
  void NoteTally();
  void Score(Kind& kind);
  void Judge(Kind& kind, size_t index, std::span<const float> input, std::span<const float> output,
             MachineVerdict& verdict);
  bool ExceedsThreshold(Kind& kind, size_t index, MachineVerdict& verdict);
  void Explain(Kind& kind, size_t index, std::span<const float> input,
               std::span<const float> output, MachineVerdict& verdict);
  /// Asks the model, which takes as long as dozens of windows.
  AlarmExplanation Attribute(const Kind& kind, std::span<const float> input,
                             const MachineVerdict& verdict);
  void Publish(MachineVerdict& verdict, int64_t arrived_ns);

  LiveClock* const clock_;
  const int64_t start_ns_;  // monotonic
  const VerdictSink sink_;
  const DriftSink drift_sink_;
  const RowSink row_sink_;  // none: nobody wants them
  std::vector<std::unique_ptr<Kind>> kinds_;
  std::vector<Place> places_;  // by ChannelIndex
  std::vector<float> outputs_;
  EngineCounts counts_;
  size_t adapt_next_ = 0;  // of all machines, whose threshold is next
  size_t note_next_ = 0;   // and whose drift
  bool taken_up_ = false;  // a model, of whose machines not all are noted yet
  bool has_news_ = false;

  mutable absl::Mutex mutex_;
  ScoringTally tally_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Next> next_ ABSL_GUARDED_BY(mutex_);  // by name
};

}  // namespace millrace
