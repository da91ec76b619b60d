// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "client/inference/machine_config.h"
#include "client/store/store_reader.h"
#include "models/package.h"
#include "models/predictor.h"

namespace millrace {

/// What MachineThreshold::Serialize gives for a machine of `kind` that has seen, by the model of
/// `package`, the newest windows that are recorded of it: as many as it is to learn from, of rows
/// that were neither flagged nor taken in an alarm, a bounded number of bytes of them. Empty where
/// the kind has no learnt threshold, nothing fits, the model fails, or `enough`, which is asked
/// every few milliseconds, says so.
std::string ThresholdFromRecordings(const StoreReader& store, const MachineConfig& kind,
                                    const std::string& machine, const ModelPackage& package,
                                    Predictor* predictor, const std::function<bool()>& enough);

/// Whether machines of the kind learn their thresholds under this model.
bool LearnsThreshold(const MachineConfig& kind, const Plan& plan);

}  // namespace millrace
