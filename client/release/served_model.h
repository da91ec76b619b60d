// SPDX-License-Identifier: Apache-2.0
// What really serves at a site, for whoever asks: people, Prometheus, the coordinator.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/crypto/digest.h"
#include "millrace/v1/common.pb.h"

namespace millrace {

struct ServedModel {
  std::string name;
  int64_t version = 0;
  Digest parameters;  // of those that were loaded
  Digest package;
  std::vector<std::string> publishers;  // whose signatures counted when it was checked
  int64_t expires_ms = 0;               // Unix time; 0: never
  bool expired = false;
  double window_us = 0;  // median of a window, as measured when it was loaded
};

v1::ServedModel ToProto(const ServedModel& model);
/// An array, a line each.
std::string ServedModelsJson(const std::vector<ServedModel>& models);
/// millrace_model_info and millrace_model_expired in Prometheus' text format.
std::string ServedModelsMetrics(const std::vector<ServedModel>& models);

}  // namespace millrace
