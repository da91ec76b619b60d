// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace millrace {

/// Lets training stand still: the process that trains, if there is one, and each that comes later,
/// gets no processor until it is let go. It can be killed meanwhile. Thread-safe.
class TrainingHold {
 public:
  void Hold(bool held);
  bool held() const;

  /// A child of this process that trains; it must not be waited for before Leave.
  void Enter(pid_t child);
  void Leave();

 private:
  mutable absl::Mutex mutex_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  pid_t child_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: none
};

}  // namespace millrace
