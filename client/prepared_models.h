// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/file_system.h"
#include "client/drift/drift_monitor.h"
#include "client/inference/installed_model.h"
#include "client/inference/machine_config.h"
#include "client/inference/machine_memory.h"
#include "client/inference/recorded_threshold.h"
#include "client/inference/scoring_worker.h"
#include "client/live/live_clock.h"
#include "client/recent_rows.h"
#include "client/store/store_reader.h"
#include "models/package.h"

namespace millrace {

/// Stands before those who judge: a model that is installed while they do brings along thresholds,
/// and what drift is compared with, from rows that the site has recorded or keeps in memory, so
/// that its first window is judged. What served before goes on meanwhile. Halt and NormalFromNow
/// may be called from other threads, the rest by the one that installs.
class PreparedModels final : public ModelUser {
 public:
  /// Who keeps what is learnt for the next start.
  using Note = std::function<void(LearntOfMachines learnt)>;

  /// What the site keeps of its machines.
  struct Past {
    std::string recordings;  // their folder; empty: there are none
    int64_t days = 0;        // before the newest of them, that train; 0: all
    RecentRows* recent = nullptr;
  };

  /// Everything outlives this.
  PreparedModels(std::vector<MachineConfig> machines, Past past, FileSystem* files,
                 LiveClock* clock, ModelUser* judges, Note note)
      : machines_(std::move(machines)),
        past_(std::move(past)),
        files_(files),
        clock_(clock),
        judges_(judges),
        note_(std::move(note)) {}

  /// Before the first model: what will be restored once all serve. Machines wait for those, and
  /// only what was not learnt of them is prepared.
  void Remember(const LearntOfMachines& learnt);
  /// All is restored; machines do not wait from now on.
  void Begin();
  /// Ends what is being prepared; nothing is from now on.
  void Halt() { halted_ = true; }
  /// Somebody has ordered what this machine does from now on to be normal: no threshold is learnt
  /// from its rows of before any more. On the thread that judges it.
  void NormalFromNow(const std::string& machine);

  /// With `may_wait`, a go of two seconds, or one machine's recordings more; else half a minute at
  /// most. Nothing but the installation waits. UNAVAILABLE as long as a machine that is judged now
  /// would not be by this model: for twice the time that its `learn_windows` windows take, and a
  /// week at most.
  absl::Status MakeReady(InstalledModel& model, bool may_wait) override;
  /// Makes ready what is not, without waiting: half a minute at most; before Begin, when everything
  /// waits, for all models together.
  absl::Status Use(std::shared_ptr<InstalledModel> model) override;
  absl::Status Check(const ModelPackage& package) const override { return judges_->Check(package); }
  size_t PredictorsFor(const std::string& name) const override {
    return judges_->PredictorsFor(name);
  }

 private:
  /// The site's recordings, which are opened when they are first asked for.
  class Recordings {
   public:
    Recordings(const PreparedModels* models, std::string name)
        : models_(models), name_(std::move(name)) {}
    /// Null: there are none.
    const StoreReader* get();

   private:
    const PreparedModels* models_;
    std::string name_;  // of the model, for the log
    bool opened_ = false;
    std::optional<StoreReader> store_;
  };
  /// One machine's threshold, of rows since then.
  struct Prepared {
    int64_t since_ns = 0;
    RecordedThreshold threshold;
  };
  /// What is learnt for a model before it judges, in turns over all machines, each in as many goes
  /// as it takes.
  struct Preparation {
    std::string sha256;                          // of its parameters
    std::map<std::string, Prepared> thresholds;  // by machine
    std::map<std::string, std::vector<DriftMonitor>> drift;
    std::set<std::string> with_drift;  // machines that nothing more is to be learnt of
    // Of this turn: whose rows were looked at, as they were when it began.
    std::set<std::string> seen;
    std::optional<Recordings> recordings;
  };
  /// When a go is to end between two machines, and within one; monotonic.
  struct Go {
    int64_t end_ns = 0;
    int64_t end_within_ns = 0;
  };

  bool IsKnown(const InstalledModel& model) const;
  Go BeginGo(bool may_wait) const;
  bool IsOver(int64_t end_ns) const { return halted_ || clock_->MonotonicNs() > end_ns; }
  /// Up to where rows of the machine teach no threshold.
  int64_t NormalSince(const std::string& machine) const;
  void ForgetAbnormal(Preparation& preparation) const;
  bool IsRemembered(const std::string& machine, const std::string& sha256) const;
  void LearnThresholds(const InstalledModel& model, const Go& go, Preparation& preparation) const;
  /// False: the time is over, and there are more.
  bool LearnThreshold(const MachineConfig& kind, size_t index, const InstalledModel& model,
                      const Go& go, Preparation& preparation) const;
  /// Which machines the model is to wait for.
  absl::Status CheckReady(const InstalledModel& model, const Preparation& preparation) const;
  /// Of how many machines it did not learn for want of time.
  int64_t LearnDrift(const InstalledModel& model, const Go& go, Preparation& preparation) const;
  static void Take(Preparation& preparation, InstalledModel& model);

  const std::vector<MachineConfig> machines_;
  const Past past_;
  FileSystem* const files_;
  LiveClock* const clock_;
  ModelUser* const judges_;
  const Note note_;
  std::map<std::string, std::string> remembered_;  // by machine: the parameters whose scores
  std::map<std::string, DriftOrigin> remembered_drift_;
  int64_t begin_by_ns_ = 0;  // monotonic; 0: it has begun
  std::atomic<bool> halted_ = false;
  std::map<std::string, Preparation> preparations_;  // by name, of models that wait
  /// By name, the parameters of the model that judges and of the one before: their thresholds are
  /// known.
  struct Known {
    std::string now;
    std::string before;
  };
  std::map<std::string, Known> known_;

  mutable absl::Mutex mutex_;
  std::map<std::string, int64_t> normal_since_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
