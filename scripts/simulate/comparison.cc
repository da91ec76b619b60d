// SPDX-License-Identifier: Apache-2.0
#include "scripts/simulate/comparison.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_format.h"

namespace millrace {
namespace {

// In the order in which they are shown.
constexpr const char* kMethods[] = {"local", "federated", "centralised"};

std::string Line(const std::string& name, const MetricsByMethod& methods,
                 const std::string& metric) {
  std::string line = absl::StrFormat("%-16s", name);
  for (const char* const method : kMethods) {
    const auto found = methods.find(method);
    if (found == methods.end()) continue;
    absl::StrAppendFormat(&line, " %14.4f", found->second.at(metric));
  }
  return line + "\n";
}

void Put(const MetricsByMethod& methods, nlohmann::ordered_json& object) {
  for (const char* const method : kMethods) {
    const auto found = methods.find(method);
    if (found != methods.end()) object[method] = found->second;
  }
}

}  // namespace

MetricsByMethod Comparison::Mean() const {
  MetricsByMethod mean;
  for (const Row& row : rows) {
    for (const auto& [method, metrics] : row.methods) {
      for (const auto& [metric, value] : metrics) {
        mean[method][metric] += value / static_cast<double>(rows.size());
      }
    }
  }
  return mean;
}

std::string Comparison::Table() const {
  const MetricsByMethod mean = Mean();
  std::string table;
  if (mean.empty()) return table;
  for (const auto& [metric, unused] : mean.begin()->second) {
    table += absl::StrFormat("%-16s", metric);
    for (const char* const method : kMethods) {
      if (mean.contains(method)) absl::StrAppendFormat(&table, " %14s", method);
    }
    table += "\n";
    for (const Row& row : rows) table += Line(row.site, row.methods, metric);
    table += Line("mean", mean, metric) + "\n";
  }
  return table;
}

nlohmann::ordered_json Comparison::ToJson() const {
  nlohmann::ordered_json json{{"sites", nlohmann::ordered_json::array()}};
  for (const Row& row : rows) {
    nlohmann::ordered_json site{{"name", row.site}};
    Put(row.methods, site);
    json["sites"].push_back(std::move(site));
  }
  json["mean"] = nlohmann::ordered_json::object();
  Put(Mean(), json["mean"]);
  return json;
}

}  // namespace millrace
