// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include "client/inference/machine_config.h"
#include "client/inference/machine_threshold.h"
#include "client/inference/recorded_rows.h"
#include "models/package.h"
#include "models/predictor.h"

namespace millrace {

/// Whether machines of the kind learn their thresholds under this model.
bool LearnsThreshold(const MachineConfig& kind, const Plan& plan);

/// One machine's threshold under a model that does not judge it yet, from rows that were neither
/// flagged nor taken in an alarm. In several goes, where rows are still to come. Not thread-safe.
class RecordedThreshold {
 public:
  /// `kind`, which learns its thresholds, outlives it. Rows up to `after_ns` teach nothing.
  RecordedThreshold(const MachineConfig* kind, const std::string& machine,
                    int64_t after_ns = std::numeric_limits<int64_t>::min());

  /// Scores the newest windows, as many as are to be learnt from, of rows after those that it has
  /// learnt from already. Ends early if the model fails, or once `enough` says so, which is asked
  /// every few milliseconds, but not before some are scored. False: it did, and others are left.
  bool Learn(const RecordedRows& rows, const ModelPackage& package, Predictor* predictor,
             const std::function<bool()>& enough);

  /// Rows up to then are of no use to it any more.
  int64_t learnt_ns() const { return learnt_ns_; }
  bool known() const { return threshold_.value().has_value(); }
  /// Why it is not: "120 of 2500 windows seen".
  std::string Progress() const { return threshold_.Progress(); }
  /// As SaveThreshold does; empty where nothing was learnt.
  std::string Serialize() const;

 private:
  const MachineConfig* const kind_;
  const std::string machine_;
  MachineThreshold threshold_;
  InputPlan input_;  // of the model
  /// Time of the last row that no new window begins at or before.
  int64_t learnt_ns_;
};

}  // namespace millrace
