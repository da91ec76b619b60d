// SPDX-License-Identifier: Apache-2.0
// Training in a process of its own: when it dies or eats the machine, the daemon does not notice.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/training/training_hold.h"
#include "client/training/worker.h"

namespace millrace {

/// Starts `command` with one more argument, the work order's file, which it makes in `folder`, and
/// waits for it. The child speaks through ServeWorkOrder.
class ChildProcessWorker final : public Worker {
 public:
  /// `memory_mb` is the limit that the child sets itself, 0 for none. `hold`, if there is one, has
  /// the child stand still once it is ready, and outlives the worker.
  ChildProcessWorker(std::vector<std::string> command, std::string folder, int64_t memory_mb,
                     TrainingHold* hold = nullptr);

  /// ABORTED, naming the signal or exit status, and the memory limit if there is one, if the child
  /// ended without a result. One that others kill is started over, once.
  absl::StatusOr<WorkResult> Do(
      const WorkOrder& order,
      const std::function<bool(const TrainingProgress&)>& on_progress) override;

 private:
  struct Ended {
    bool called_off = false;
    std::string result;  // empty: none came
    int wait_status = 0;
  };

  /// One child, from its start to its end.
  absl::StatusOr<Ended> Run(const std::string& order_path,
                            const std::function<bool(const TrainingProgress&)>& on_progress) const;

  const std::vector<std::string> command_;
  const std::string folder_;
  const int64_t memory_mb_;
  TrainingHold* const hold_;
};

using WorkerFactory = std::function<absl::StatusOr<std::unique_ptr<Worker>>()>;

/// The child's side: binds its life to the parent's and says that it is ready, lowers its priority,
/// does the order with a new worker, and tells progress and the result, a failure to make the
/// worker included, on standard output: that works when the disk is full. Returns the exit status.
int ServeWorkOrder(const std::string& order_path, const WorkerFactory& new_worker);

/// Bounds what this process may allocate (RLIMIT_DATA: memory of its own; the code of LibTorch and
/// address space that is only reserved do not count). 0 is no bound.
absl::Status LimitMemory(int64_t mebibytes);

}  // namespace millrace
