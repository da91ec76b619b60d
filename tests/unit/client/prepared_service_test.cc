// SPDX-License-Identifier: Apache-2.0
// A release at a site that records, with real threads and files; a model without LibTorch.
#include <gmock/gmock.h>
#include <httplib.h>

#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/live_service.h"
#include "models/package.h"
#include "tests/testing/constant_predictor.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/toy_package.h"

namespace millrace {
namespace {

using ::millrace::testing::Eventually;
using ::millrace::testing::TemporaryFolder;
using ::millrace::testing::ToyPackage;

/// Gives its package's first parameter for every value.
absl::StatusOr<std::unique_ptr<Predictor>> NewFirstParameter(const ModelPackage& package) {
  return std::make_unique<testing::ConstantPredictor>(package.parameters[0], 8);
}

constexpr char kRecordingSite[] = R"(
[live]
http = "127.0.0.1:0"
[store]
[[source]]
name = "day"
kind = "replay"
path = "day.csv"
machine = "pump-1"
time_column = "time"
time = "s"
speed = 1000
loop = true
[[machine]]
names = ["pump-1"]
model = "pumps"
rate_hz = 1
hop = 1
learn_windows = 2000
false_alarms = 0.05
[[machine.channel]]
name = "current"
[[machine.channel]]
name = "speed"
)";

class PreparedServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string rows = "time,current,speed\n";
    for (int i = 0; i < 20'000; ++i) {
      absl::StrAppend(&rows, 1'700'000'000 + i, ",", i * 7919 % 1000, ",", i * 104'729 % 997, "\n");
    }
    MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), folder_.path() + "/day.csv", rows));
    MR_ASSERT_OK_AND_ASSIGN(TomlTable root, TomlTable::Parse(kRecordingSite));
    LiveConfig config = ReadLiveConfig(root, folder_.path());
    MR_ASSERT_OK(root.Finish());
    config.store->folder = folder_.path() + "/recordings";
    MR_ASSERT_OK(models_.Stage(ToyPackage(1, 0)));
    MR_ASSERT_OK_AND_ASSIGN(
        service_, LiveService::Create(config, folder_.path() + "/state", NewFirstParameter,
                                      PosixFileSystem(), SystemLiveClock()));
    service_->Start();
  }
  std::string Get(const std::string& path) {
    const httplib::Result result = httplib::Client("127.0.0.1", service_->http_port()).Get(path);
    return result ? result->body : "";
  }
  int64_t RecordedRows() {
    int64_t rows = 0;
    for (absl::string_view line : absl::StrSplit(Get("/metrics"), '\n')) {
      if (absl::ConsumePrefix(&line, "millrace_recorded_rows ") && !absl::SimpleAtoi(line, &rows)) {
        ADD_FAILURE() << line;
      }
    }
    return rows;
  }

  TemporaryFolder folder_;
  ModelFolder models_{PosixFileSystem(), folder_.path() + "/state", "pumps"};
  std::unique_ptr<LiveService> service_;
};

TEST_F(PreparedServiceTest, ReleaseStopsNoVerdictsWhereTheSiteRecords) {
  ASSERT_TRUE(Eventually([&] { return RecordedRows() > 3000; }));
  MR_ASSERT_OK(models_.Stage(ToyPackage(2, 50)));
  nlohmann::json verdict;
  ASSERT_TRUE(Eventually([&] {
    verdict = nlohmann::json::parse(Get("/verdicts/pump-1"), nullptr, false);
    return verdict.is_object() && verdict.value("version", 0) == 2;
  }));
  EXPECT_NE(verdict["verdict"], "not_evaluated") << verdict.dump();
  EXPECT_TRUE(verdict["threshold"].is_number()) << verdict.dump();
}

}  // namespace
}  // namespace millrace
