// SPDX-License-Identifier: Apache-2.0
// The table at the end: each site's test metrics under each way of training.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "scripts/train/evaluate.h"

namespace millrace {

/// By method: "local", "federated", "centralised".
using MetricsByMethod = std::map<std::string, TestMetrics>;

struct Comparison {
  struct Row {
    std::string site;
    MetricsByMethod methods;
  };
  std::vector<Row> rows;

  /// Over the rows, each with the same methods and metrics.
  MetricsByMethod Mean() const;
  /// A block per metric: a line per site and for the mean, a column per method.
  std::string Table() const;
  /// {"sites": [{"name", "local": {metric: value}, ...}], "mean": {"local": ...}}
  nlohmann::ordered_json ToJson() const;
};

}  // namespace millrace
