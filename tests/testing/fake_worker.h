// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>

#include "base/file_system.h"
#include "base/status.h"
#include "client/training/worker.h"
#include "tests/testing/honest_update.h"

namespace millrace::testing {

/// Works at once: honestly, or as a test says.
class FakeWorker final : public Worker {
 public:
  using Work = std::function<absl::StatusOr<SiteUpdate>(
      const WorkOrder& order, const std::function<bool(const TrainingProgress&)>& on_progress)>;

  explicit FakeWorker(const std::string& site)
      : FakeWorker([site](const WorkOrder& order, const auto&) {
          return HonestUpdate(site, order.assignment);
        }) {}
  explicit FakeWorker(Work work) : work_(std::move(work)) {}

  absl::StatusOr<WorkResult> Do(
      const WorkOrder& order,
      const std::function<bool(const TrainingProgress&)>& on_progress) override {
    ++calls_;
    MR_ASSIGN_OR_RETURN(const SiteUpdate update, work_(order, on_progress));
    MR_RETURN_IF_ERROR(WriteFileDurably(PosixFileSystem(), order.update_path, update.Bytes()));
    WorkResult result;
    result.weight = update.weight;
    return result;
  }

  int calls() const { return calls_; }

 private:
  const Work work_;
  std::atomic<int> calls_ = 0;
};

}  // namespace millrace::testing
