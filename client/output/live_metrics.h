// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/inference/machine_verdict.h"
#include "client/live/source.h"

namespace millrace {

/// What a scrape finds besides the verdicts' own counts.
struct LiveReading {
  std::map<std::string, SourceStatus> sources;
  int64_t samples_waiting = 0;
  int64_t samples_dropped = 0;
};

/// Counts verdicts and writes everything in Prometheus' text format. Thread-safe.
class LiveMetrics {
 public:
  LiveMetrics();
  ~LiveMetrics();

  void Count(const MachineVerdict& verdict);
  std::string Text(const LiveReading& reading);

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
  absl::Mutex mutex_;  // of a scrape: it sets gauges, then writes them
};

}  // namespace millrace
