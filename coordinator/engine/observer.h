// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace millrace {

/// Hears what an engine does as it does it, for metrics. Called by any thread, with the engine's
/// locks held: what it does is short and calls nothing back.
class EngineObserver {
 public:
  virtual ~EngineObserver() = default;
  /// An update was counted in, or refused at its beginning or its end.
  virtual void UpdateEnded(const absl::Status& status, int64_t bytes) = 0;
  /// Model bytes went out to a site.
  virtual void Downloaded(int64_t bytes) = 0;
  /// A round was committed, or given up.
  virtual void RoundEnded(bool committed, absl::Duration open) = 0;
  /// A round's sum became the next model.
  virtual void Aggregated(absl::Duration taken) = 0;
};

}  // namespace millrace
