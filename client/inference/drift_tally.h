// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/inference/machine_config.h"
#include "client/inference/machine_verdict.h"
#include "millrace/v1/telemetry.pb.h"

namespace millrace {

/// How much drifts of what each model watches, as the coordinator is told: numbers, and no name of
/// a machine or a channel. A channel counts for every model that judges its machine's rows. A drift
/// counts once it is confirmed. Thread-safe.
class DriftTally {
 public:
  explicit DriftTally(const std::vector<MachineConfig>& machines);

  /// `now_ns`: monotonic, as below.
  void Take(const ChannelDrift& drift, int64_t now_ns);
  /// Of the machines that this model judges, without its digest; nothing where they are not
  /// watched.
  std::optional<v1::ModelDrift> Of(const std::string& model, int64_t now_ns) const;

 private:
  struct Confirmed {
    int64_t since_ns = 0;
    double level = 0;
  };
  struct Model {
    int64_t channels = 0;
    std::map<std::pair<std::string, std::string>, Confirmed> drifting;  // by machine and channel
  };

  static void Take(const ChannelDrift& drift, int64_t now_ns, Model& model);

  /// Whose business a machine's drift is.
  struct Models {
    std::string own;                // judges it, by a score; or empty
    std::set<std::string> of_rows;  // judge its rows: this machine's, and others' by channels_of
  };
  std::map<std::string, Models> models_of_;  // of each machine that is watched
  mutable absl::Mutex mutex_;
  std::map<std::string, Model> models_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
