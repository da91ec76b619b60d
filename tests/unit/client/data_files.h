// SPDX-License-Identifier: Apache-2.0
// Files and plans for the tests of client/data.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "plan/plan.h"
#include "tests/testing/temporary_folder.h"

namespace millrace::testing {

/// A fresh folder per test, removed with it.
class DataFiles : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }

  std::string Write(const std::string& name, absl::string_view content) const {
    std::ofstream(Path(name), std::ios::binary) << content;
    return Path(name);
  }

  std::string WriteGzip(const std::string& name, absl::string_view content) const {
    const gzFile file = gzopen(Path(name).c_str(), "wb");
    EXPECT_EQ(gzwrite(file, content.data(), static_cast<unsigned>(content.size())),
              static_cast<int>(content.size()));
    gzclose(file);
    return Path(name);
  }

  const TemporaryFolder folder_;
};

inline Plan PlanOf(std::vector<std::string> channels) {
  Plan plan;
  plan.input.channels = std::move(channels);
  return plan;
}

inline Plan RunToFailurePlan(std::vector<std::string> channels, double cap) {
  Plan plan = PlanOf(std::move(channels));
  plan.label.kind = LabelKind::kRunToFailure;
  plan.label.cap = cap;
  return plan;
}

inline Plan ColumnPlan(std::vector<std::string> channels, const std::string& column,
                       int64_t classes) {
  Plan plan = PlanOf(std::move(channels));
  plan.label.kind = LabelKind::kColumn;
  plan.label.column = column;
  plan.label.classes = classes;
  return plan;
}

/// The public data sets' folder: MILLRACE_DATA, else ../shared/data beside the source tree.
inline std::string PublicData() {
  const char* const given = std::getenv("MILLRACE_DATA");
  return given != nullptr ? given : std::string(MILLRACE_SOURCE_DIR) + "/../shared/data";
}

}  // namespace millrace::testing

#define MR_SKIP_WITHOUT(path)                                                          \
  if (!std::filesystem::exists(path)) {                                                \
    GTEST_SKIP() << (path) << " is not there; set MILLRACE_DATA to the data's folder"; \
  }
