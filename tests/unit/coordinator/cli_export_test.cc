// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "base/memory_file_system.h"
#include "coordinator/cli/export.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/cli_fake_connection.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOkAndHolds;
using testing::IsStatus;

constexpr char kPlan[] = R"(
secure_aggregation = "off"
[run]
name = "turbofan"
[model]
kind = "mlp"
hidden = [4]
[input]
channels = ["t24"]
window = 2
normalization = "none"
[label]
kind = "run_to_failure"
cap = 125
)";

std::string PackageBytes() {
  const Plan plan = ParsePlan(kPlan).value();
  const Architecture architecture = BuildArchitecture(plan).value();
  const std::vector<float> parameters = InitialParameters(architecture, 1);
  const absl::string_view raw(reinterpret_cast<const char*>(parameters.data()),
                              parameters.size() * sizeof(float));
  v1::PackageManifest manifest = ManifestOf(kPlan, plan, architecture, nullptr, Sha256Of(raw));
  manifest.set_version(7);
  return PackagePrefix(manifest, static_cast<int64_t>(raw.size())) + std::string(raw);
}

class ExportTest : public ::testing::Test {
 protected:
  ExportTest() {
    const std::string bytes = PackageBytes();
    connection_.chunks = {bytes.substr(0, 100), bytes.substr(100)};
    size_ = static_cast<int64_t>(bytes.size());
    EXPECT_TRUE(files_.CreateDirectories("/models").ok());
  }

  absl::StatusOr<Exported> Export() {
    return ExportModel(&connection_, &files_, "turbofan-1", 7, "/models/t.millrace",
                       [this](int64_t bytes) { progress_.push_back(bytes); });
  }

  testing::FakeConnection connection_;
  MemoryFileSystem files_;
  int64_t size_ = 0;
  std::vector<int64_t> progress_;
};

TEST_F(ExportTest, LeavesTheCheckedPackageUnderItsNameOnly) {
  MR_ASSERT_OK_AND_ASSIGN(const Exported exported, Export());
  EXPECT_EQ(exported.package.manifest.version(), 7);
  EXPECT_EQ(exported.bytes, size_);
  EXPECT_THAT(progress_, ElementsAre(100, size_));
  EXPECT_THAT(files_.List("/models"), IsOkAndHolds(ElementsAre("t.millrace")));
  EXPECT_THAT(ReadFile(&files_, "/models/t.millrace"), IsOkAndHolds(PackageBytes()));
}

TEST_F(ExportTest, APackageThatWasChangedUnderwayLeavesNothing) {
  connection_.chunks.back().back() ^= 1;  // in the last parameter
  EXPECT_THAT(Export(), IsStatus(absl::StatusCode::kDataLoss, HasSubstr("not accepted")));
  EXPECT_THAT(files_.List("/models"), IsOkAndHolds(IsEmpty()));
}

TEST_F(ExportTest, AStreamThatBreaksKeepsTheEarlierFile) {
  MR_ASSERT_OK(WriteFileDurably(&files_, "/models/t.millrace", "earlier"));
  connection_.chunks.pop_back();
  connection_.export_end = absl::UnavailableError("socket closed");
  EXPECT_THAT(Export(), IsStatus(absl::StatusCode::kUnavailable, "socket closed"));
  EXPECT_THAT(files_.List("/models"), IsOkAndHolds(ElementsAre("t.millrace")));
  EXPECT_THAT(ReadFile(&files_, "/models/t.millrace"), IsOkAndHolds("earlier"));
}

TEST_F(ExportTest, WhatAnEarlierAttemptLeftBehindDoesNotEndUpInTheFile) {
  MR_ASSERT_OK(WriteFileDurably(&files_, "/models/t.millrace.tmp", std::string(1 << 20, 'x')));
  MR_EXPECT_OK(Export());
  EXPECT_THAT(ReadFile(&files_, "/models/t.millrace"), IsOkAndHolds(PackageBytes()));
}

}  // namespace
}  // namespace millrace
