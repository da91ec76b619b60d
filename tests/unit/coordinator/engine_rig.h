// SPDX-License-Identifier: Apache-2.0
// An engine over simulated time, a disk in memory that can fail, and sites that are plain calls.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/memory_file_system.h"
#include "coordinator/blob/directory_blob_store.h"
#include "coordinator/engine/engine.h"
#include "coordinator/storage/start_check.h"
#include "coordinator/storage/storage_health.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/honest_update.h"
#include "tests/testing/simulated_clock.h"
#include "tests/testing/sqlite_file_system.h"
#include "tests/unit/coordinator/dying_store.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace::testing {

/// The announcement that fits the assignment and the update.
UpdateClaim ClaimOf(const std::string& site, const v1::Assignment& assignment,
                    const SiteUpdate& update);

/// Where the rig's store lies: in memory, where nothing happens to it but what DyingStore does, or
/// on the rig's disk, with all that happens to that.
enum class StoreOn { kMemory, kDisk };

/// Names for tests that do with three sites.
inline const std::vector<std::string> kThreeSites = {"a", "b", "c"};

class EngineRig {
 public:
  explicit EngineRig(const EngineOptions& options = {}, StoreOn store_on = StoreOn::kMemory);

  Engine& engine() { return *engine_; }
  SimulatedClock& clock() { return clock_; }
  /// Sets the wall clock alone, as an administrator does: no time passes.
  void SetWallClock(absl::Duration by) {
    clock_.Advance(by);
    steady_.ahead += by;
  }
  FaultyFileSystem& disk() { return disk_; }
  DyingStore& store() { return *store_; }
  StorageHealth& storage() { return *storage_; }
  DirectoryBlobStore& blobs() { return *blobs_; }
  UploadArea& area() { return *area_; }
  /// How often its steps have shown that they go on.
  int progress() const { return progress_; }

  static constexpr int64_t kMinFreeBytes = int64_t{1} << 20;

  /// A new engine on the same store and files, as after the process died.
  void Restart();
  /// The same where a death was met; true if so.
  bool RestartIfDead();
  /// What the check at the last restart found.
  const StartReport& report() const { return report_; }
  /// Every death from now on is one by power cut: what was not synced is lost.
  void CutPowerOnDeath() { power_cut_ = true; }

  /// StartRun with the plan; the run's id is "tiny-1".
  void Start(const TinyPlan& plan = {});
  RunState Run() { return engine_->GetRun("tiny-1").value(); }
  std::vector<float> Model() { return ReadModel(Run().Newest().parameters); }
  std::vector<float> ReadModel(const Digest& digest);

  /// Checks these sites in and steps, so that the next round is open for them.
  void OpenRound(const std::vector<std::string>& sites);
  /// The site's assignment; there must be one.
  v1::Assignment AssignmentOf(const std::string& site);

  /// Announces, sends in pieces and finishes, as a site does; the first refusal.
  absl::Status Send(const UpdateClaim& claim, const Digest& digest, const std::string& bytes);
  absl::Status SendHonest(const std::string& site);

  /// Lets these sites take part honestly until the run ends, restarting the engine whenever it has
  /// died. Simulated time passes; false if the run has not ended after an hour of it.
  bool Finish(const std::vector<std::string>& sites);

 private:
  /// What `clock` would say if nobody had set it.
  struct UnsetClock final : Clock {
    explicit UnsetClock(Clock* wall) : wall(wall) {}
    absl::Time Now() override { return wall->Now() - ahead; }
    void Sleep(absl::Duration duration) override { wall->Sleep(duration); }
    Clock* const wall;
    absl::Duration ahead;
  };

  /// Every update that was acknowledged still counts.
  void ExpectAcknowledged();

  const EngineOptions options_;
  bool power_cut_ = false;
  int progress_ = 0;
  SimulatedClock clock_;
  UnsetClock steady_{&clock_};
  MemoryFileSystem memory_;
  FaultyFileSystem disk_;
  const std::unique_ptr<SqliteOnFileSystem> sqlite_;  // null: the store is in memory
  std::unique_ptr<DyingStore> store_;
  StartReport report_;
  std::set<std::pair<RoundId, std::string>> acknowledged_;  // and by which site
  std::unique_ptr<StorageHealth> storage_;
  std::unique_ptr<DirectoryBlobStore> blobs_;
  std::unique_ptr<UploadArea> area_;
  std::unique_ptr<Engine> engine_;
};

/// The run finished, and no parameter of any version is NaN or infinite.
void ExpectFinishedAndFinite(EngineRig& rig);

}  // namespace millrace::testing
