// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/inference/machine_verdict.h"

namespace millrace {

/// The last verdict on every machine, for whoever asks. Thread-safe.
class VerdictBoard {
 public:
  void Post(const MachineVerdict& verdict);

  /// By machine.
  std::vector<MachineVerdict> All() const;
  std::optional<MachineVerdict> Of(const std::string& machine) const;
  int64_t posted() const;

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, MachineVerdict> last_ ABSL_GUARDED_BY(mutex_);
  int64_t posted_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace
