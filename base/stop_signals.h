// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <optional>

#include "absl/time/time.h"

namespace millrace {

/// SIGINT and SIGTERM, with which a daemon is told to stop, as something to wait for. Made before
/// the process starts its first thread: they stay blocked in every thread from then on, so that
/// nothing but Wait sees them.
class StopSignals {
 public:
  StopSignals();

  /// The signal, or nothing if none came for so long (one hour at most) or something else woke it.
  std::optional<int> Wait(absl::Duration longest) const;
  /// The signal, however long it takes.
  int Await() const;

 private:
  sigset_t signals_;
};

}  // namespace millrace
