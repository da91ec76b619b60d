// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/clock_jumps.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/blob/upload_area.h"
#include "coordinator/engine/commit.h"
#include "coordinator/engine/observer.h"
#include "coordinator/engine/round_fold.h"
#include "coordinator/engine/secure_round.h"
#include "coordinator/engine/uploads.h"
#include "coordinator/round/decide.h"
#include "coordinator/round/types.h"
#include "coordinator/round/update.h"
#include "coordinator/site_registry.h"
#include "coordinator/storage/storage_health.h"
#include "coordinator/store/store.h"
#include "millrace/v1/rounds.pb.h"
#include "models/catalogue/architecture.h"

namespace millrace {

/// What an engine works with; everything outlives it.
struct EngineParts {
  Clock* clock = nullptr;  // the wall's, which somebody may set
  Store* store = nullptr;
  BlobStore* blobs = nullptr;
  UploadArea* uploads = nullptr;
  StorageHealth* storage = nullptr;    // null: a disk that never fails, a simulation's
  EngineObserver* observer = nullptr;  // null: nobody listens
  // Called by Step, with locks held, between two parts of a work that may take long; may be empty.
  std::function<void()> on_progress = {};
  // Ends the id of a new run (coordinator/round/run_id.h); empty: ids have no tag, a simulation's.
  std::function<std::string()> run_tag = {};
  Clock* steady = nullptr;  // base/steady_clock.h; null: nobody sets `clock` either
};

/// A secure round's sites once all have uploaded, by their place in the cohort.
struct Survivors {
  std::vector<int32_t> sites;
  std::vector<v1::AgreementSignature> signatures;  // once they have signed, under `malicious`
};

struct EngineOptions {
  std::string federation;  // binds secure rounds to it
  int unmask_threads = 1;
  std::vector<std::string> allowed_sites;               // empty: all that the authority certified
  int64_t max_parameters = kMaxParameters;              // of a run's model
  int64_t keep_versions = 0;                            // of each run, and its best; 0: all
  int64_t keep_runs = 0;                                // of those that have ended; 0: all
  int64_t max_staged_bytes = 0;                         // of updates on disk; 0: no bound
  absl::Duration presence = absl::Seconds(30);          // of a site, after its last check-in
  absl::Duration retry_after_fault = absl::Seconds(2);  // of the store or the disk
};

/// Takes runs from their plan to their last version. Callers bring in what operators and sites ask
/// for; one thread at a time calls Step, which decides, records and then acts. Whatever was
/// acknowledged is in the store, so that a new engine on the same store goes on where this one
/// stopped. Thread-safe.
class Engine {
 public:
  /// Takes up every run of the store.
  static absl::StatusOr<std::unique_ptr<Engine>> Create(const EngineParts& parts,
                                                        const EngineOptions& options);

  /// Called, without locks held, after every change that a waiting site, a watching operator or the
  /// caller of Step may care about. Set before the engine is used.
  void OnChange(std::function<void()> listener) { listener_ = std::move(listener); }

  // For operators, who may leave out the tag of a run's id. Unknown runs are NOT_FOUND, by name.

  /// Checks the plan and starts a run; returns its id.
  absl::StatusOr<std::string> StartRun(const std::string& plan_text);
  absl::Status StopRun(const std::string& id, const std::string& reason);
  absl::StatusOr<RunState> GetRun(const std::string& id) const;
  /// Oldest first.
  std::vector<RunState> Runs() const;
  std::vector<v1::Site> Sites() const;

  // For sites.

  /// OK if the site may take part. PERMISSION_DENIED names the site and the way in.
  absl::Status Admit(const std::string& site);
  /// The site's assignment, if a round wants it. With an `objection` it takes none now: a round
  /// that waits for it goes on.
  absl::StatusOr<std::optional<v1::Assignment>> CheckIn(const std::string& site,
                                                        const std::string& version,
                                                        const std::string& objection = "");
  /// What a site that has checked in says of the models that it serves.
  void NoteServing(const std::string& site, std::vector<v1::ServedModel> models);
  /// What it says of their drift; a run may wait for it.
  void NoteDrift(const std::string& site, std::vector<ModelDrift> drift);
  /// Its certificate counts no longer: it is as if it had not been here, until it checks in again.
  void PutOut(const std::string& site);
  /// The site hung up while it waited.
  void Leave(const std::string& site);
  /// False if the reported round no longer waits for the site.
  bool Report(const std::string& site, const v1::ReportRequest& report);
  absl::Status ReportFailure(const std::string& site, const RoundId& round,
                             const std::string& reason);
  /// OK if the site takes part in this open round; what it downloads counts into the round.
  absl::Status CheckDownload(const std::string& site, const RoundId& round, const Digest& digest);
  void CountDownload(const std::string& run, int64_t bytes);

  struct UploadProgress {
    int64_t received = 0;
    bool accepted = false;
  };
  absl::StatusOr<UploadProgress> BeginUpload(const UpdateClaim& claim, const Digest& digest);
  /// For Append on it; FinishUpload then counts it in.
  absl::StatusOr<std::shared_ptr<Upload>> FindUpload(const std::string& site, const RoundId& round);
  /// Checks the whole update, makes it durable and counts it in. Safe to repeat.
  absl::Status FinishUpload(const Upload& upload_of_claim);

  // For sites of a secure round, phase by phase (proto/millrace/v1/secure_aggregation.proto). Each
  // takes the site's message, once, and answers when the phase is over; until then with nullopt.

  /// `certificate` is that of the caller's connection, DER.
  absl::StatusOr<std::optional<std::vector<v1::Advertisement>>> Advertise(
      const std::string& site, const RoundId& round, const v1::Advertisement& advertisement,
      const std::string& certificate);
  /// DER, by fingerprint. NOT_FOUND for one that nobody of the cohort has.
  absl::StatusOr<std::vector<std::string>> Certificates(
      const std::string& site, const RoundId& round, const std::vector<std::string>& fingerprints);
  absl::StatusOr<std::optional<std::vector<v1::SealedShare>>> Share(
      const std::string& site, const RoundId& round, const v1::ShareRequest& request);
  /// An empty signature only asks for the survivors.
  absl::StatusOr<std::optional<Survivors>> Agree(const std::string& site, const RoundId& round,
                                                 const std::string& signature);
  /// True once the round can be unmasked.
  absl::StatusOr<bool> Unmask(const std::string& site, const RoundId& round,
                              const v1::UnmaskRequest& request);

  /// Does everything there is to do now and returns when to be called again at the latest.
  absl::Time Step();

 private:
  struct Run {
    RunState state;
    Architecture architecture;
    int64_t bytes_down = 0;                      // since the last committed round
    bool staged = false;                         // the last round's updates may still lie on disk
    bool returning = false;                      // its open round is yet to hear of the restart
    absl::Time retry_at = absl::InfinitePast();  // nothing is tried before (steady), after a fault
    std::shared_ptr<SecureRound> secure;         // the current round's, once it was asked for
    // Applied, but not in the store yet: messages of the current secure phase. No site is answered
    // before the phase is over and they are; after a crash the sites call again.
    std::vector<Event> pending;
    std::vector<StoredMessage> pending_messages;
  };
  /// A copy of what folding and committing a round needs, so that neither holds a lock.
  struct RoundWork {
    Plan plan;
    RoundState round;
    ModelVersion newest;
    const Layout* layout = nullptr;  // the run's; one that has a round is not forgotten
    int64_t bytes_down = 0;
    std::shared_ptr<const SecureRound> secure;  // complete, if the round is
  };

  Engine(const EngineParts& parts, const EngineOptions& options);

  absl::Status Load();
  /// Of the wall clock, once the runs have followed it where it was set.
  absl::Time Now() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// When the wall clock says so, as long as nobody sets it, that the steady one says `time`.
  absl::Time OnTheWall(absl::Time time) const {
    return parts_.clock->Now() + (time - parts_.steady->Now());
  }
  absl::StatusOr<Run*> Find(const std::string& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// The run that an operator means; null if there is none.
  Run* FindCalled(const std::string& given) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// The number of the next run of this name.
  int64_t NextNumber(const std::string& name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// OK if the storage takes something new. RESOURCE_EXHAUSTED says why not.
  absl::Status CheckStorage() const;
  /// What the store said, once the storage has heard of it.
  absl::Status Noted(const absl::Status& of_the_store) const;
  /// OK if the updates of a whole cohort may lie on disk at once. INVALID_ARGUMENT names the keys.
  absl::Status CheckStaging(const Plan& plan, const Architecture& architecture) const;
  /// Persists an event, then applies it.
  absl::Status Record(Run& run, const Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  struct FreeSites {
    std::vector<std::string> sites;    // that could be invited now, sorted
    std::vector<std::string> busy_in;  // runs that keep others busy
  };
  /// Sites that open rounds still wait for, and those runs.
  struct SitesAtWork {
    std::set<std::string> sites;
    std::vector<std::string> runs;
  };
  SitesAtWork AtWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  FreeSites Available() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// Tells the observer what the event does to the run.
  void Observe(const RunState& run, const Event& event) const;
  absl::StatusOr<UploadProgress> Begin(const UpdateClaim& announced, const Digest& digest);
  absl::Status CountIn(const Upload& announced);
  /// CheckUpdate for the run as it is now.
  absl::Status IsWanted(const UpdateClaim& claim);
  /// OK if what an update in the clear holds can be true, and is within the plan's bounds.
  absl::Status CheckContent(Upload& upload);
  v1::Assignment AssignmentOf(const Run& run, const RoundState& round) const;

  /// What a secure phase works on: the run, its current round, and that round's messages.
  struct SecureCall {
    Run* run = nullptr;
    const RoundState* round = nullptr;
    SecureRound* secure = nullptr;
  };
  /// FAILED_PRECONDITION unless `round` is open and aggregates securely.
  absl::StatusOr<SecureCall> FindSecure(const std::string& site, const RoundId& round)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status LoadSecure(Run& run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// Takes a site's message of `phase` with `take` and counts it in, to be stored with the phase's
  /// end. True if it was new.
  absl::StatusOr<bool> TakeMessage(const SecureCall& call, SecurePhase phase,
                                   const std::string& site,
                                   const std::function<absl::StatusOr<std::string>()>& take)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// Ends the secure phase before the event that says so is recorded; the event that gives the
  /// round up where the sites that are left are too few.
  Event ClosePhase(Run& run, const Event& closed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  /// Takes a run as far as it goes; opens one round at most, and none unless `may_open`.
  absl::Time StepRun(const std::string& id, bool may_open)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  /// The same; a run for which memory runs out has failed.
  absl::Time StepWithinMemory(const std::string& id, bool may_open)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  /// Tells what keeps a run from going on, if that has changed; nothing does where it is empty.
  void HoldUp(const std::string& id, const std::string& why);
  /// The same for a fault of the store or the disk; returns when to try again.
  absl::Time TryAgain(const std::string& id, absl::string_view what, const absl::Status& fault);
  /// Removes the run's blobs that no run keeps (coordinator/storage/retention.h).
  void DropOldBlobs(const Run& run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// Removes those of `blobs` that no run keeps.
  void DropUnkept(const std::string& of_run, const std::set<Digest>& blobs)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// Forgets ended runs beyond those that are kept, with their models.
  void ForgetOldRuns() ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  /// Folds what is in. Any error leaves the run without a fold: the next call begins anew.
  absl::Status Fold(const RoundWork& work) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  /// What a round's updates come to, masked or not.
  struct RoundSum {
    std::vector<double> statistics;
    double weight = 0;
    RoundMean mean;
  };
  absl::StatusOr<RoundSum> Sum(const RoundWork& work) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  absl::StatusOr<RoundCommitted> Aggregate(const RoundWork& work)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_);
  /// Drops what a round that has ended leaves in memory and on disk.
  void CleanUp(Run& run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(step_mutex_, mutex_);
  void GoesOn() const {
    if (parts_.on_progress) parts_.on_progress();
  }
  void Changed() const {
    if (listener_) listener_();
  }

  const EngineParts parts_;
  const EngineOptions options_;
  std::function<void()> listener_;
  Uploads uploads_;

  absl::Mutex step_mutex_;  // taken before mutex_
  std::map<std::string, std::unique_ptr<RoundFold>> folds_ ABSL_GUARDED_BY(step_mutex_);

  mutable absl::Mutex mutex_;
  ClockJumps clock_jumps_ ABSL_GUARDED_BY(mutex_);
  SiteRegistry sites_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Run>> runs_ ABSL_GUARDED_BY(mutex_);    // oldest first
  std::map<std::string, int64_t> forgotten_ ABSL_GUARDED_BY(mutex_);  // highest number by name
  std::multiset<Digest> starting_ ABSL_GUARDED_BY(mutex_);  // blobs of runs that are being started
};

}  // namespace millrace
