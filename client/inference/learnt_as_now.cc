// SPDX-License-Identifier: Apache-2.0
#include "client/inference/learnt_as_now.h"

#include <memory>
#include <utility>

#include "base/log.h"
#include "client/inference/machine_memory.h"

namespace millrace {

LearntOfMachines LearntAsNow(LearntOfMachines learnt, const std::vector<MachineConfig>& machines) {
  int64_t changed = 0;
  std::string first;
  for (const MachineConfig& kind : machines) {
    for (const std::string& machine : kind.names) {
      bool holds = true;
      const auto threshold = learnt.thresholds.find(machine);
      if (threshold != learnt.thresholds.end() && !ThresholdHolds(*threshold->second.bytes, kind)) {
        learnt.thresholds.erase(threshold);
        holds = false;
      }
      const auto drift = learnt.drift.find(machine);
      if (drift != learnt.drift.end()) {
        std::string left = DriftThatHolds(*drift->second, kind);
        holds = holds && left == *drift->second;
        drift->second = std::make_shared<const std::string>(std::move(left));
      }
      if (!holds && ++changed == 1) first = machine;
    }
  }
  if (changed > 0) {
    LogInfo("learnt anew: rows have another rate, or channels another unit, than before",
            {{"machines", changed}, {"first", first}});
  }
  return learnt;
}

}  // namespace millrace
