// SPDX-License-Identifier: Apache-2.0
#include "coordinator/engine/task_proto.h"

namespace millrace {

v1::TaskKind ToProto(TaskKind task) {
  switch (task) {
    case TaskKind::kStatistics:
      return v1::TASK_KIND_STATISTICS;
    case TaskKind::kTraining:
      return v1::TASK_KIND_TRAINING;
    case TaskKind::kEvaluation:
      return v1::TASK_KIND_EVALUATION;
  }
  return v1::TASK_KIND_UNSPECIFIED;
}

}  // namespace millrace
