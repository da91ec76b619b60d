// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/file_system.h"
#include "client/inference/engine.h"
#include "client/live/live_clock.h"
#include "client/release/installer.h"
#include "client/release/model_folder.h"
#include "client/release/release_policy.h"
#include "client/release/served_model.h"
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
  Engine* engine = nullptr;
};

/// Which models serve at a site: takes up what is staged, gives up what is ill, and notices what
/// has expired. Start and Look belong to one thread at a time, ServedModels to any.
class Releases {
 public:
  explicit Releases(ReleaseParts parts);

  /// What served before.
  void Start();
  /// To be called every few seconds. Takes as long as a model takes to load.
  void Look();

  /// By name.
  std::vector<ServedModel> ServedModels() const;

 private:
  struct Served {
    Serving serving;
    std::shared_ptr<InstalledModel> model;
    bool can_roll_back = false;
  };
  enum class Why { kInstallation, kService };

  absl::Time Now() const { return absl::FromUnixNanos(parts_.clock->UnixNs()); }
  void StartModel(const std::string& name);
  void InstallNext(const std::string& name, ModelFolder& folder);
  void RollBackIfIll(const std::string& name, ModelFolder& folder);
  void NoticeExpiry(const std::string& name);
  /// Reads and checks what lies at `path`.
  absl::StatusOr<Installation> Prepare(const std::string& path, const std::string& name,
                                       const ModelFolder& folder, const Serving* serving, Why why);
  absl::Status Serve(Installation installation, const std::string& name);

  const ReleaseParts parts_;
  std::map<std::string, Served> served_;

  mutable absl::Mutex mutex_;
  std::map<std::string, ServedModel> serving_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
