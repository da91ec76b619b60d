// SPDX-License-Identifier: Apache-2.0
// A model between its installation and the verdicts that it gives.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/crypto/digest.h"
#include "client/drift/drift_monitor.h"
#include "models/package.h"
#include "models/predictor.h"

namespace millrace {

/// Windows that a model is given at a time, at most.
inline constexpr int64_t kMostWindowsTogether = 64;

/// A model that is ready to judge. Those who judge by it share all of it but the predictors.
struct InstalledModel {
  /// SHA-256 of its parameters.
  const std::string& parameters_sha256() const { return package.manifest.parameters_sha256(); }

  ModelPackage package;
  // One for each thread that judges by it, none of which may use another's. Not shared, although
  // LibTorch lets several threads run one module without gradients: an explanation does ask for
  // gradients, a plant's own graph may keep a state, and every operation would count references to
  // the same parameters, back and forth between the cores.
  std::vector<std::unique_ptr<Predictor>> predictors;
  Digest digest;  // of the parameters that were loaded
  // What machines' thresholds have learnt before it judges, by machine: as MachineThreshold saves
  // it. Not changed once it judges.
  std::map<std::string, std::shared_ptr<const std::string>> thresholds;
  // And what drift of their channels is compared with, [channels]. Monitors that have learnt
  // nothing leave what there is. Not changed either.
  std::map<std::string, std::vector<DriftMonitor>> drift;
  // How long it, or one before it that has not served, has waited so far.
  int64_t waited_ns = 0;
  // Its package has expired: verdicts say so.
  std::atomic<bool> expired = false;
  // There are no verdicts on data: it has expired and its site wants none then, or no publisher
  // that counts vouches for it any more.
  std::atomic<bool> withheld = false;
  std::atomic<bool> disowned = false;
  // A window that takes longer is slow; 0: none is.
  std::atomic<int64_t> slow_ns = 0;
  // What was seen of it, for whoever may give it up.
  std::atomic<int64_t> windows = 0;
  std::atomic<int64_t> faults = 0;  // windows that it failed on or gave no finite score for
  std::atomic<int64_t> slow = 0;    // windows
};

/// What judges machines by installed models. Thread-safe.
class ModelUser {
 public:
  virtual ~ModelUser() = default;

  /// Prepares what may be prepared while another model judges, with `may_wait` in goes of a few
  /// seconds: ABORTED where there is more to do, UNAVAILABLE where that one had better go on a
  /// while; to be asked again. Not needed before Use.
  virtual absl::Status MakeReady(InstalledModel& /*model*/, bool /*may_wait*/) {
    return absl::OkStatus();
  }
  /// From the next window on, machines whose kind names this model are judged by it; no window is
  /// lost as long as it has the same input. It has PredictorsFor(its name) predictors. The errors
  /// of Check, after which none is judged by it.
  virtual absl::Status Use(std::shared_ptr<InstalledModel> model) = 0;
  /// INVALID_ARGUMENT if none is judged by such a model, or machines do not give it what it was
  /// trained on (CheckInput).
  virtual absl::Status Check(const ModelPackage& package) const = 0;
  /// How many predictors a model of this name is to have.
  virtual size_t PredictorsFor(const std::string& name) const = 0;
};

}  // namespace millrace
