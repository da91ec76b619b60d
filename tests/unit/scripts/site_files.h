// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "client/data/load.h"
#include "scripts/plant_simulator/machine.h"
#include "tests/testing/status_matchers.h"

namespace millrace {

inline Plan LifePlan() {
  Plan plan;
  for (const absl::string_view name : kLifeChannelNames) {
    plan.input.channels.emplace_back(name);
  }
  plan.input.modes = {{.column = "setting_speed", .step = 300, .min = 900, .max = 1800},
                      {.column = "setting_load", .step = 30, .min = 40, .max = 100}};
  plan.label.kind = LabelKind::kRunToFailure;
  plan.label.cap = 125;
  return plan;
}

/// Reads one table, "data" or "test", of the configuration of plant `plant` (1-based) as its daemon
/// would.
inline std::vector<Series> LoadSite(const std::string& folder, int plant, const char* table,
                                    const Plan& plan) {
  const auto text =
      ReadFile(PosixFileSystem(), absl::StrCat(folder, "/site_plant-", plant, ".toml"));
  EXPECT_THAT(text, testing::IsOk());
  auto root = TomlTable::Parse(*text);
  EXPECT_THAT(root, testing::IsOk());
  const DataConfig data = ReadDataConfig(root->Table("data"), folder);
  const DataConfig test = ReadDataConfig(root->Table("test"), folder);
  MR_EXPECT_OK(root->Finish());
  auto series = LoadSeries(std::string(table) == "data" ? data : test, plan);
  EXPECT_THAT(series, testing::IsOk());
  return series.ok() ? *std::move(series) : std::vector<Series>{};
}

}  // namespace millrace
