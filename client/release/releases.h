// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
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
#include "absl/time/time.h"
#include "base/crypto/digest.h"
#include "base/file_system.h"
#include "client/inference/installed_model.h"
#include "client/live/live_clock.h"
#include "client/release/installer.h"
#include "client/release/model_folder.h"
#include "client/release/model_health.h"
#include "client/release/release_policy.h"
#include "client/release/served_model.h"
#include "client/release/time_limits.h"
#include "models/package_signature.h"
#include "models/predictor.h"

namespace millrace {

/// What releases work with; everything outlives them.
struct ReleaseParts {
  std::string state_folder;
  std::set<std::string> names;  // of the models that the site's machines ask for
  ReleasePolicy policy;
  PredictorFactory predictors;
  FileSystem* files = nullptr;
  LiveClock* clock = nullptr;
  ModelUser* engine = nullptr;  // what judges by them
  ServingDemands demands;
};

/// Which models serve at a site: takes up what is staged, gives up what is ill, and notices what
/// has expired. What cannot be done now is tried again twice a minute. Start and Look belong to one
/// thread at a time, ServedModels and Halt to any.
class Releases {
 public:
  explicit Releases(ReleaseParts parts);

  /// What served before.
  void Start();
  /// To be called every few seconds. Takes as long as a model takes to load; what serves is looked
  /// at before and after each.
  void Look();
  /// Ends Look soon, between two calls of a model that it measures; what is being installed then is
  /// installed by the next start.
  void Halt() { halted_ = true; }

  /// By name.
  std::vector<ServedModel> ServedModels() const;

 private:
  struct Served {
    Serving serving;
    std::shared_ptr<InstalledModel> model;
    ModelHealth health;
    int64_t since_ns = 0;  // monotonic
    bool on_trial = false;
    bool can_roll_back = false;
    bool is_ill = false;          // as it was seen last
    std::optional<Digest> trust;  // by which files it was checked; none: it was not
  };
  enum class Why { kInstallation, kService };

  /// What serves is given up, or expires.
  void Watch();
  /// Has one serve where none does, and installs what is staged. Whether there was any of that.
  bool BringNews(const std::string& name);
  absl::Time Now() const { return absl::FromUnixNanos(parts_.clock->UnixNs()); }
  void StartModel(const std::string& name);
  void InstallNext(const std::string& name, ModelFolder& folder);
  /// Tries again to have one serve that waits for its machines' thresholds.
  void GoOnWaiting(const std::string& name, ModelFolder& folder);
  /// Whether the model that serves can go on for a while.
  bool HasTime(const std::string& name) const;
  /// What is ready serves from now on, or waits.
  void TakeUp(Installation next, const std::string& name, ModelFolder& folder);
  /// Puts it among those that wait, as long as others that did not serve have by now.
  void Wait(const absl::Status& why, Installation next, const std::string& name,
            ModelFolder& folder);
  /// None of this name waits any more.
  void EndWait(const std::string& name, ModelFolder& folder);
  /// What is being installed is put aside, or tried again if it is not to blame.
  void Refuse(const absl::Status& status, const std::string& name, ModelFolder& folder);
  void NotYet(const absl::Status& status, const std::string& name, ModelFolder& folder);
  /// Whether publishers vouch for what serves still, once the files that say so have changed.
  void CheckAgain(const std::string& name, ModelFolder& folder);
  /// The publishers whose signatures on `package` count. `folder` is of its name.
  absl::StatusOr<std::vector<std::string>> CheckPackage(const ModelPackage& package,
                                                        const ModelFolder& folder,
                                                        const absl::StatusOr<PublisherTrust>& trust,
                                                        Why why) const;
  void RollBackIfIll(const std::string& name, ModelFolder& folder);
  void EndTrial(const std::string& name, ModelFolder& folder);
  void NoticeExpiry(const std::string& name);
  absl::StatusOr<Installation> PrepareCurrent(const std::string& name, ModelFolder& folder);
  absl::StatusOr<Installation> PrepareNext(const std::string& name, ModelFolder& folder,
                                           const Serving* serving);
  absl::StatusOr<Installation> PreparePrevious(const std::string& name, const ModelFolder& folder);
  /// The previous one, made ready, serves again.
  absl::Status GoBack(Installation previous, const std::string& name, ModelFolder& folder);
  /// Goes back. Changes nothing unless the previous one can serve.
  absl::Status GiveUp(const std::string& name, ModelFolder& folder);
  /// Reads and checks what lies at `path`.
  absl::StatusOr<Installation> Prepare(const std::string& path, const std::string& name,
                                       const ModelFolder& folder, const Serving* serving, Why why);
  absl::Status Serve(Installation installation, const std::string& name, const ModelFolder& folder);
  /// Whether it is time for another try, and if so, notes that it was made.
  bool IsDue(std::map<std::string, int64_t>& tried_ns, const std::string& name) const;

  const ReleaseParts parts_;
  std::atomic<bool> halted_ = false;
  std::map<std::string, Served> served_;
  std::map<std::string, Installation> waiting_;  // by name, at InstallingPath()
  // Names of models that are installed and that machines do not give what they were trained on,
  // which this start does not change.
  std::set<std::string> unfit_;
  // When each was tried last, by name.
  std::map<std::string, int64_t> started_ns_;
  std::map<std::string, int64_t> installed_ns_;
  // Until when the wait of those that wait is counted in the folder, by name; monotonic.
  std::map<std::string, int64_t> waited_until_ns_;

  mutable absl::Mutex mutex_;
  std::map<std::string, ServedModel> serving_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
