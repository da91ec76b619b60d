// SPDX-License-Identifier: Apache-2.0
#include "client/training/local_worker.h"

#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/data/load.h"
#include "client/data/site_message.h"

namespace millrace {
namespace {

absl::StatusOr<std::vector<float>> ReadParameters(FileSystem* files, const std::string& path) {
  MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(files, path));
  if (bytes.size() % sizeof(float) != 0) {
    return absl::DataLossError(
        absl::StrCat("model ", path, ": ", bytes.size(), " bytes are no float32 vector"));
  }
  std::vector<float> parameters(bytes.size() / sizeof(float));
  std::memcpy(parameters.data(), bytes.data(), bytes.size());
  return parameters;
}

}  // namespace

LocalWorker::LocalWorker(std::string site, DataConfig data, TrainerFactory new_trainer,
                         FileSystem* files)
    : site_(std::move(site)),
      data_(std::move(data)),
      new_trainer_(std::move(new_trainer)),
      files_(files) {}

absl::StatusOr<WorkResult> LocalWorker::Do(
    const WorkOrder& order, const std::function<bool(const TrainingProgress&)>& on_progress) {
  try {
    return DoWithin(order, on_progress);
  } catch (const std::bad_alloc&) {
    return SiteMessage("the memory that training may have does not hold the data and the model; ",
                       "lower [data] max_bytes, days or machines, or raise [training] memory_mb")
        .ToStatus(absl::StatusCode::kResourceExhausted);
  }
}

absl::StatusOr<WorkResult> LocalWorker::DoWithin(
    const WorkOrder& order, const std::function<bool(const TrainingProgress&)>& on_progress) {
  const absl::StatusOr<SiteTask> task = ReadAssignment(order.assignment);
  if (!task.ok()) return Public(task.status());
  std::vector<float> parameters;
  if (task->kind != TaskKind::kStatistics) {
    MR_ASSIGN_OR_RETURN(parameters, ReadParameters(files_, order.parameters_path));
  }
  MR_ASSIGN_OR_RETURN(std::vector<Series> series, LoadSeries(data_, task->plan));
  const absl::StatusOr<Update> update =
      Perform(*task, parameters, std::move(series), new_trainer_, {site_, on_progress});
  if (!update.ok()) return Public(update.status());
  MR_RETURN_IF_ERROR(WriteFileDurably(files_, order.update_path,
                                      {reinterpret_cast<const char*>(update->vector.data()),
                                       update->vector.size() * sizeof(float)}));
  return WorkResult{update->weight};
}

}  // namespace millrace
