// SPDX-License-Identifier: Apache-2.0
// The files of plans/ are what people start from: each must be accepted as it stands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "client/config.h"
#include "models/catalogue/architecture.h"
#include "plan/plan.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

const std::string kPlans = MILLRACE_SOURCE_DIR "/plans";

std::vector<std::string> TomlFiles(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path().string());
  }
  return files;
}

TEST(ExamplePlansTest, EveryPlanIsAcceptedAndGivesAModel) {
  const std::vector<std::string> plans = TomlFiles(kPlans);
  EXPECT_GE(plans.size(), 3u);
  for (const std::string& path : plans) {
    MR_ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(PosixFileSystem(), path));
    const absl::StatusOr<Plan> plan = ParsePlan(text);
    MR_ASSERT_OK(plan) << path;
    MR_EXPECT_OK(BuildArchitecture(*plan)) << path;
  }
}

TEST(ExamplePlansTest, EverySiteIsAcceptedWithItsTestData) {
  const std::vector<std::string> sites = TomlFiles(kPlans + "/sites");
  EXPECT_GE(sites.size(), 2u);
  for (const std::string& path : sites) {
    const absl::StatusOr<SiteConfig> site = ReadSiteConfig(path, SiteConfigUse::kScript);
    MR_ASSERT_OK(site) << path;
    EXPECT_TRUE(site->test.has_value()) << path;
  }
}

}  // namespace
}  // namespace millrace
