// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/statusor.h"
#include "coordinator/round/types.h"
#include "millrace/v1/admin.pb.h"
#include "millrace/v1/models.pb.h"

namespace millrace {

/// A run as operators see it, with its rounds if `history`.
v1::Run ToProto(const RunState& run, bool history);
/// Without the number of parameters, which only the architecture knows.
v1::Model ToProto(const RunState& run, const ModelVersion& version);

/// The version of a run, the newest for -1. NOT_FOUND names both.
absl::StatusOr<ModelVersion> FindVersion(const RunState& run, int64_t version);

}  // namespace millrace
