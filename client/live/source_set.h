// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/live/source.h"
#include "client/live/source_config.h"

namespace millrace {

/// The real sources of a site. `context` is copied; what it points to outlives them.
std::unique_ptr<Source> NewSource(const SourceConfig& config, const SourceContext& context);

/// Runs the sources of a site, each on its own thread. Thread-safe.
class SourceSet {
 public:
  using Factory = std::function<std::unique_ptr<Source>(const SourceConfig&)>;

  explicit SourceSet(Factory factory) : factory_(std::move(factory)) {}
  /// Stops them all.
  ~SourceSet();

  /// Stops what `configs` does not have as it runs, then starts what does not run yet; a source
  /// whose configuration is as it was goes on without a gap. `configs` have different names.
  void Reconfigure(const std::vector<SourceConfig>& configs);

  /// Tells them all to stop, and waits for none.
  void Halt() const;

  /// By name.
  std::map<std::string, SourceStatus> Statuses() const;

 private:
  struct Running {
    SourceConfig config;
    std::unique_ptr<Source> source;
    std::thread thread;
  };

  void Stop(std::vector<Running> sources);

  const Factory factory_;
  absl::Mutex changing_;  // held by one Reconfigure at a time
  mutable absl::Mutex mutex_;
  std::map<std::string, Running> running_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
