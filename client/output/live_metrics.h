// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "client/inference/machine_verdict.h"
#include "client/inference/scoring_tally.h"
#include "client/live/source.h"
#include "client/output/output.h"

namespace millrace {

/// What a scrape finds besides the verdicts' own counts.
struct LiveReading {
  std::map<std::string, SourceStatus> sources;
  std::map<std::string, OutputStatus> outputs;
  int64_t samples_waiting = 0;
  int64_t samples_dropped = 0;
  std::optional<double> p99_ns;  // of the last seconds' verdicts; none: there were none
  bool training_held = false;
  ScoringTally tally;
  int64_t recent_bytes = 0;  // of rows that are kept in memory
};

/// Counts verdicts and writes everything in Prometheus' text format. Thread-safe.
class LiveMetrics {
 public:
  LiveMetrics();
  ~LiveMetrics();

  void Count(const MachineVerdict& verdict);
  std::string Text(const LiveReading& reading) const;

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
};

}  // namespace millrace
