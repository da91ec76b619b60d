// SPDX-License-Identifier: Apache-2.0
// How good a model is on a site's [test] data.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/data/data_config.h"
#include "client/training/perform.h"
#include "models/dataset.h"
#include "models/package.h"
#include "plan/plan.h"

namespace millrace {

/// By name:
///   run to failure    rmse_capped (truth at most label.cap), rmse_raw and nasa_score (truth as it
///                     is), over the last window of each unit
///   other regression  rmse, mae
///   classification    accuracy, macro_f1
///   reconstruction    mse
/// The latter three over windows that lie end to end, so that each row is judged once.
using TestMetrics = std::map<std::string, double>;

/// The plan under which test data are read: labels without the cap.
Plan TestPlan(Plan plan);

/// The windows to judge; `series` are scaled already, their labels uncapped.
Dataset TestWindows(const Plan& plan, std::vector<Series> series);

/// `outputs` are the model's for each example of `test`, which TestWindows made.
TestMetrics MetricsOf(const Plan& plan, const Dataset& test, std::span<const float> outputs);

/// Reads the data, scales them as the model was trained, predicts and judges. Errors of LoadSeries;
/// INVALID_ARGUMENT if they give no window.
absl::StatusOr<TestMetrics> Evaluate(const ModelPackage& model, const DataConfig& test,
                                     const TrainerFactory& new_trainer);

}  // namespace millrace
