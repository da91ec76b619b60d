// SPDX-License-Identifier: Apache-2.0
#include "scripts/anomaly_benchmark/protocol.h"

#include <numeric>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/data/load.h"
#include "client/inference/scoring.h"
#include "models/dataset.h"

namespace millrace {
namespace {

Series FirstRows(Series series, int64_t rows, int64_t channels) {
  series.values.resize(rows * channels);
  if (!series.cells.empty()) series.cells.resize(rows);
  series.labels.clear();
  series.steps = rows;
  return series;
}

absl::Status ScaleByTrainingRows(const Plan& plan, int64_t rows, Series& series) {
  InputPlan input = plan.input;
  input.modes.clear();  // a recording is too short to tell its modes apart
  const auto channels = static_cast<int64_t>(input.channels.size());
  Series first = FirstRows(series, rows, channels);
  first.cells.clear();
  MR_ASSIGN_OR_RETURN(const Scaling scaling,
                      Scaling::FromMoments(input, ScalingMoments(input, std::span(&first, 1))));
  scaling.Apply(series.values, {});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<Recording>> LoadRecordingsToJudge(const std::string& site,
                                                             const DataConfig& data,
                                                             const Plan& plan,
                                                             const AnomalyProtocol& protocol) {
  Plan with_truth = plan;
  with_truth.label = {LabelKind::kColumn, protocol.truth, 0, 0};
  MR_ASSIGN_OR_RETURN(std::vector<Series> all, LoadSeries(data, with_truth));
  std::vector<Recording> recordings;
  for (Series& series : all) {
    if (protocol.training_rows < plan.input.window || series.steps <= protocol.training_rows) {
      return absl::InvalidArgumentError(absl::StrCat(
          series.unit, " has ", series.steps, " rows; ", protocol.training_rows,
          " train, which must be a window (", plan.input.window, ") and leave rows to judge"));
    }
    if (protocol.scale_each) {
      MR_RETURN_IF_ERROR(ScaleByTrainingRows(plan, protocol.training_rows, series));
    }
    recordings.push_back({site, std::move(series)});
  }
  return recordings;
}

Series TrainingRows(const AnomalyProtocol& protocol, const Recording& recording) {
  const int64_t channels =
      static_cast<int64_t>(recording.rows.values.size()) / recording.rows.steps;
  return FirstRows(recording.rows, protocol.training_rows, channels);
}

absl::StatusOr<std::vector<double>> WindowErrors(const ModelPackage& model,
                                                 const TrainerFactory& new_trainer,
                                                 const Recording& recording) {
  Plan each_row = model.plan;
  each_row.input.stride = 1;
  Series series = recording.rows;
  series.labels.clear();
  if (model.scaling) model.scaling->Apply(series);
  const Dataset windows = AllWindows(each_row, {std::move(series)});
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<Trainer> trainer,
                      new_trainer(model.plan, model.architecture));
  MR_ASSIGN_OR_RETURN(const std::vector<float> outputs,
                      trainer->Predict(model.parameters, windows));
  const auto width = static_cast<size_t>(windows.window * windows.channels);
  std::vector<float> input(width);
  float target = 0;
  std::vector<double> errors;
  for (int64_t i = 0; i < windows.size(); ++i) {
    windows.Gather(std::span(&i, 1), input, std::span(&target, 1));
    errors.push_back(ReconstructionError(input, std::span(outputs).subspan(i * width, width)));
  }
  return errors;
}

RowCounts JudgeRows(const AnomalyProtocol& protocol, const AlarmLimit& limit,
                    const Recording& recording, std::span<const double> window_errors) {
  const int64_t window = recording.rows.steps - std::ssize(window_errors) + 1;
  const auto training = window_errors.first(protocol.training_rows - window + 1);
  const double most = limit.factor * Quantile({training.begin(), training.end()}, limit.quantile);
  std::vector<uint8_t> alarmed;
  for (const double error : window_errors) alarmed.push_back(error > most ? 1 : 0);
  const std::vector<uint8_t> rows = AlarmedRows(alarmed, window, limit.rule);
  return CountRows(std::span(rows).subspan(protocol.training_rows),
                   std::span(recording.rows.labels).subspan(protocol.training_rows));
}

}  // namespace millrace
