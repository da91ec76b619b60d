// SPDX-License-Identifier: Apache-2.0
// A release with real threads and files, at a site that records and at one that does not; a model
// without LibTorch.
#include <gmock/gmock.h>
#include <httplib.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
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

constexpr char kReplayedSite[] = R"(
[live]
http = "127.0.0.1:0"
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
false_alarms = 0.01
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
    MR_ASSERT_OK(models_.Stage(ToyPackage(1, 0)));
  }
  /// A site with these tables, too.
  void Start(const std::string& tables) {
    MR_ASSERT_OK_AND_ASSIGN(TomlTable root, TomlTable::Parse(tables + kReplayedSite));
    LiveConfig config = ReadLiveConfig(root, folder_.path());
    MR_ASSERT_OK(root.Finish());
    if (config.store) config.store->folder = folder_.path() + "/recordings";
    MR_ASSERT_OK_AND_ASSIGN(
        service_, LiveService::Create(config, folder_.path() + "/state", NewFirstParameter,
                                      PosixFileSystem(), SystemLiveClock()));
    service_->Start();
  }
  std::string Get(const std::string& path) {
    const httplib::Result result = httplib::Client("127.0.0.1", service_->http_port()).Get(path);
    return result ? result->body : "";
  }
  /// A whole number of `/metrics`; 0: it is not there.
  int64_t Metric(const std::string& name) {
    double value = 0;
    for (absl::string_view line : absl::StrSplit(Get("/metrics"), '\n')) {
      if (absl::ConsumePrefix(&line, name + " ") && !absl::SimpleAtod(line, &value)) {
        ADD_FAILURE() << line;
      }
    }
    return static_cast<int64_t>(value);
  }
  nlohmann::json Verdict() {
    return nlohmann::json::parse(Get("/verdicts/pump-1"), nullptr, false);
  }
  bool Serves(int64_t version) {
    return Eventually([&] {
      const nlohmann::json verdict = Verdict();
      return verdict.is_object() && verdict.value("version", 0) == version;
    });
  }

  TemporaryFolder folder_;
  ModelFolder models_{PosixFileSystem(), folder_.path() + "/state", "pumps"};
  std::unique_ptr<LiveService> service_;
};

TEST_F(PreparedServiceTest, ReleaseStopsNoVerdictsWhereTheSiteRecords) {
  Start("[store]\n");
  ASSERT_TRUE(Eventually([&] { return Metric("millrace_recorded_rows") > 3000; }));
  MR_ASSERT_OK(models_.Stage(ToyPackage(2, 50)));
  ASSERT_TRUE(Serves(2));
  const nlohmann::json verdict = Verdict();
  EXPECT_NE(verdict["verdict"], "not_evaluated") << verdict.dump();
  EXPECT_TRUE(verdict["threshold"].is_number()) << verdict.dump();
}

TEST_F(PreparedServiceTest, ReleaseStopsNoVerdictsWhereNothingIsRecorded) {
  const char kNotEvaluated[] = "millrace_verdicts_total{verdict=\"not_evaluated\"}";
  Start("");
  ASSERT_TRUE(Eventually([&] { return Verdict().contains("threshold"); }));
  const int64_t before = Metric(kNotEvaluated);
  EXPECT_GT(before, 0) << "of the first model, which had to learn";
  MR_ASSERT_OK(models_.Stage(ToyPackage(2, 50)));
  ASSERT_TRUE(Serves(2));
  EXPECT_TRUE(Verdict()["threshold"].is_number());
  EXPECT_EQ(Metric(kNotEvaluated), before);
}

TEST_F(PreparedServiceTest, DriftIsComparedWithRecordingsFromTheReleaseOn) {
  Start("[store]\n[drift]\nlearn_s = 600\n");
  ASSERT_TRUE(Eventually([&] { return Metric("millrace_recorded_rows") > 3000; }));
  ASSERT_TRUE(
      Eventually([&] { return absl::StrContains(Get("/drift"), R"("reference":"live")"); }));
  MR_ASSERT_OK(models_.Stage(ToyPackage(2, 50)));
  ASSERT_TRUE(
      Eventually([&] { return absl::StrContains(Get("/drift"), R"("reference":"training")"); }));
}

}  // namespace
}  // namespace millrace
