// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/engine/observer.h"
#include "coordinator/round/types.h"
#include "coordinator/storage/storage_health.h"

namespace millrace {

/// What a scrape finds, besides what was counted on the way.
struct MetricsReading {
  std::vector<RunState> runs;
  int64_t sites_present = 0;
  std::map<std::string, int64_t> sites_in_drift = {};  // by model, of those present
  StorageHealth::Reading storage = {};
};

/// A coordinator's metrics in Prometheus' text format; docs/operations.md names them. Thread-safe.
class Metrics final : public EngineObserver {
 public:
  Metrics();
  ~Metrics() override;

  void UpdateEnded(const absl::Status& status, int64_t bytes) override;
  void Downloaded(int64_t bytes) override;
  void RoundEnded(bool committed, absl::Duration open) override;
  void Aggregated(absl::Duration taken) override;

  std::string Text(const MetricsReading& reading);

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
};

}  // namespace millrace
