// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "millrace/v1/common.pb.h"
#include "models/task.h"

namespace millrace {

v1::TaskKind ToProto(TaskKind task);

}  // namespace millrace
