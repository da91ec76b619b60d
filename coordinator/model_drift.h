// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/crypto/digest.h"
#include "millrace/v1/telemetry.pb.h"

namespace millrace {

/// What a site says of the drift of the machines that one model judges.
struct ModelDrift {
  std::string model;
  Digest parameters;
  int64_t channels_watched = 0;
  int64_t channels_in_drift = 0;
  bool score_in_drift = false;
  double level = 0;  // the largest detector's statistic over its threshold
  absl::Duration lasts;

  bool in_drift() const { return score_in_drift || channels_in_drift > 0; }
};

/// INVALID_ARGUMENT, naming site, model and field, for more than 64 models, one that comes twice or
/// has no name or digest, and numbers that cannot be.
absl::StatusOr<std::vector<ModelDrift>> ParseDrift(
    const std::string& site, const google::protobuf::RepeatedPtrField<v1::ModelDrift>& told);

v1::ModelDrift ToProto(const ModelDrift& drift);

}  // namespace millrace
