// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/file_system.h"
#include "client/inference/installed_model.h"
#include "client/inference/machine_config.h"
#include "client/inference/scoring_worker.h"
#include "client/live/live_clock.h"
#include "models/package.h"

namespace millrace {

/// Stands before those who judge: a model that is installed while they do brings thresholds along,
/// learnt from the site's recordings, so that its first window is judged. What served before goes
/// on meanwhile. Halt may be called from any thread, the rest by the one that installs.
class PreparedModels final : public ModelUser {
 public:
  /// Who keeps what is learnt for the next start.
  using Note = std::function<void(LearntOfMachines learnt)>;

  /// `recordings`: their folder; empty: there are none, and models are handed on as they are.
  /// Everything outlives this.
  PreparedModels(std::vector<MachineConfig> machines, std::string recordings, FileSystem* files,
                 LiveClock* clock, ModelUser* judges, Note note)
      : machines_(std::move(machines)),
        recordings_(std::move(recordings)),
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

  /// Takes half a minute at most, in which nothing waits but the installation; before Begin, when
  /// everything does, that is for all models together.
  absl::Status Use(std::shared_ptr<InstalledModel> model) override;
  absl::Status Check(const ModelPackage& package) const override { return judges_->Check(package); }
  size_t PredictorsFor(const std::string& name) const override {
    return judges_->PredictorsFor(name);
  }

 private:
  void Prepare(InstalledModel& model) const;

  const std::vector<MachineConfig> machines_;
  const std::string recordings_;
  FileSystem* const files_;
  LiveClock* const clock_;
  ModelUser* const judges_;
  const Note note_;
  std::map<std::string, std::string> remembered_;  // by machine: the parameters whose scores
  int64_t begin_by_ns_ = 0;                        // monotonic; 0: it has begun
  std::atomic<bool> halted_ = false;
  /// By name, the parameters of the model that judges and of the one before: their thresholds are
  /// known.
  struct Known {
    std::string now;
    std::string before;
  };
  std::map<std::string, Known> known_;
};

}  // namespace millrace
