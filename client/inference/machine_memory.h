// SPDX-License-Identifier: Apache-2.0
// What is known of a machine's drift and threshold, for the next start.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/drift/machine_drift.h"
#include "client/inference/machine_config.h"
#include "client/inference/machine_threshold.h"
#include "plan/plan.h"

namespace millrace {

/// What tells operating modes apart: numbers of modes mean something under the same text only.
std::string TextOfModes(const std::vector<ModeColumn>& modes);

/// The drift of a machine, or of its model's score.
struct DriftMemory {
  std::string modes;                      // TextOfModes
  std::vector<std::string> channels;      // names
  MachineDrift* drift = nullptr;          // borrowed; none: it is not watched
  MachineDrift* score = nullptr;          // one channel; borrowed; none: there is no model
  std::string model_sha256;               // of its parameters
  const MachineConfig* kind = nullptr;    // the machine's; borrowed; none: nobody asks
  std::vector<std::string> mode_columns;  // of `modes`
};

/// What MachineThreshold::Serialize gives of a threshold for a model with this input, and what the
/// rows were like. Empty where there is none.
std::string SaveThreshold(const MachineThreshold& threshold, const MachineConfig& kind,
                          const InputPlan& input);
/// Whether machines of `kind` have the rate still, and the model's columns in the units, that it
/// was learnt at, as far as they are known.
bool ThresholdHolds(absl::string_view bytes, const MachineConfig& kind);

std::string SaveDrift(const DriftMemory& memory);
/// What of it holds at the rate and in the units that machines of `kind` have now; empty: nothing.
std::string DriftThatHolds(absl::string_view bytes, const MachineConfig& kind);
/// What is to be known of that before it is recalled.
struct DriftOrigin {
  std::string model_sha256;        // of the parameters of the model under which; empty: none
  std::set<std::string> relearnt;  // channels of which somebody has said what is normal
};
DriftOrigin OriginOfDrift(absl::string_view bytes);
/// Takes from what SaveDrift gave all that still means the same: channels of the same name under
/// the same modes, unless they have learnt from recordings for another model, and the score of the
/// same model. The rest is learnt anew, as is what cannot be read.
void RecallDrift(const DriftParameters& parameters, absl::string_view bytes,
                 const DriftMemory& memory);

}  // namespace millrace
