// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/random.h"

namespace millrace {

enum class SensorFaultKind {
  kStuck,    // the value at its beginning
  kSpike,    // single values off by `size`, one in fifty
  kDropout,  // no value: NaN
  kDrift,    // off by `size` more each second
  kOffset    // off by `size`
};
absl::string_view Name(SensorFaultKind kind);

/// What a sensor says that is not so, from `begin_s` until `end_s`.
struct SensorFault {
  std::string machine;
  std::string channel;
  SensorFaultKind kind = SensorFaultKind::kStuck;
  double size = 0;  // in the channel's unit
  double begin_s = 0;
  double end_s = 0;
};

/// "machine-3/motor_current:offset=2.5@60:90". The kinds stuck and dropout have no size.
/// INVALID_ARGUMENT says what is expected.
absl::StatusOr<SensorFault> ParseSensorFault(absl::string_view text);

/// A fault at work. Not thread-safe.
class FaultySensor {
 public:
  FaultySensor(SensorFault fault, Random random) : fault_(std::move(fault)), random_(random) {}

  /// What the sensor says at `time_s`, where `value` is so. Times rise from call to call.
  float Read(double time_s, float value);

  const SensorFault& fault() const { return fault_; }

 private:
  const SensorFault fault_;
  Random random_;
  bool began_ = false;
  float first_ = 0;  // value at the beginning
};

}  // namespace millrace
