// SPDX-License-Identifier: Apache-2.0
// A detector of anomalies by the protocol of the Skoltech anomaly benchmark (Katser and Kozitsin
// 2020): the first rows of each recording are normal and train, the rest is judged row by row.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/data/data_config.h"
#include "client/training/perform.h"
#include "models/package.h"
#include "scripts/anomaly_benchmark/row_counts.h"

namespace millrace {

struct AnomalyProtocol {
  std::string truth = "anomaly";  // column, above 0 where a row is anomalous
  int64_t training_rows = 400;    // of each recording
  bool scale_each = false;        // by the mean and deviation of its own training rows
};

/// A window is alarmed whose error is beyond factor * this quantile of those of the recording's
/// training windows.
struct AlarmLimit {
  double quantile = 0.999;
  double factor = 4.0 / 3;
  AlarmRule rule = AlarmRule::kEvery;
};

/// One recording, rows in order, their truth in `labels`.
struct Recording {
  std::string site;
  Series rows;
};

/// What a site's [test] has, read under the plan of a reconstruction. Errors of LoadSeries;
/// INVALID_ARGUMENT, naming the recording, where the training rows are no full window or nothing is
/// left to judge.
absl::StatusOr<std::vector<Recording>> LoadRecordingsToJudge(const std::string& site,
                                                             const DataConfig& data,
                                                             const Plan& plan,
                                                             const AnomalyProtocol& protocol);

/// The rows that train, without their truth.
Series TrainingRows(const AnomalyProtocol& protocol, const Recording& recording);

/// The model's errors on the windows that begin at each row of the recording.
absl::StatusOr<std::vector<double>> WindowErrors(const ModelPackage& model,
                                                 const TrainerFactory& new_trainer,
                                                 const Recording& recording);

/// What such errors make of the rows after the training rows.
RowCounts JudgeRows(const AnomalyProtocol& protocol, const AlarmLimit& limit,
                    const Recording& recording, std::span<const double> window_errors);

}  // namespace millrace
