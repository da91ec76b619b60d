// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/file_system.h"
#include "client/data/data_config.h"
#include "client/training/perform.h"
#include "client/training/worker.h"

namespace millrace {

/// Does the work in this process: what the daemon's child runs, and tests.
class LocalWorker final : public Worker {
 public:
  LocalWorker(std::string site, DataConfig data, TrainerFactory new_trainer, FileSystem* files);

  absl::StatusOr<WorkResult> Do(
      const WorkOrder& order,
      const std::function<bool(const TrainingProgress&)>& on_progress) override;

 private:
  absl::StatusOr<WorkResult> DoWithin(
      const WorkOrder& order, const std::function<bool(const TrainingProgress&)>& on_progress);

  const std::string site_;
  const DataConfig data_;
  const TrainerFactory new_trainer_;
  FileSystem* const files_;
};

}  // namespace millrace
