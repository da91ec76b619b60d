// SPDX-License-Identifier: Apache-2.0
// Training in a process of its own: when it dies or eats the machine, the daemon does not notice.
#pragma once

#include <string>
#include <vector>

#include "client/training/worker.h"

namespace millrace {

/// Starts `command` with two more arguments, the work order's file and the result's, both made in
/// `folder`, and waits for it. The child speaks through ServeWorkOrder.
class ChildProcessWorker final : public Worker {
 public:
  ChildProcessWorker(std::vector<std::string> command, std::string folder);

  /// ABORTED, naming the signal or exit status, if the child ended without a result.
  absl::StatusOr<WorkResult> Do(
      const WorkOrder& order,
      const std::function<bool(const TrainingProgress&)>& on_progress) override;

 private:
  const std::vector<std::string> command_;
  const std::string folder_;
};

/// The child's side: lowers its priority, binds its life to the parent's, does the order with
/// `worker`, tells progress on standard output and leaves the result. Returns the exit status.
int ServeWorkOrder(const std::string& order_path, const std::string& result_path, Worker& worker);

}  // namespace millrace
