// SPDX-License-Identifier: Apache-2.0
// Recordings on disk, real sources and threads, HTTP on loopback; a model without LibTorch.
#include "client/live_service.h"

#include <gmock/gmock.h>
#include <httplib.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/crypto/digest.h"
#include "models/package.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/toy_package.h"

namespace millrace {
namespace {

using ::millrace::testing::Eventually;
using ::millrace::testing::TemporaryFolder;
using ::millrace::testing::ToyPackage;
using ::testing::HasSubstr;
using ::testing::Not;

/// Off by its package's first parameter in every value.
class Shifted : public Predictor {
 public:
  explicit Shifted(const ModelPackage& package) : shift_(package.parameters[0]) {}
  absl::Status Predict(std::span<const float> inputs, std::span<float> outputs) override {
    for (size_t i = 0; i < inputs.size(); ++i) {
      // What is learnt from training is not seen on the installer's noise, which is below 2.
      const bool ill = shift_ < 0 && std::abs(inputs[i]) > 2;
      outputs[i] = ill ? std::numeric_limits<float>::quiet_NaN() : inputs[i] + shift_;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<Attribution> Attribute(std::span<const float>, std::span<const float>,
                                        int64_t) override {
    return absl::UnimplementedError("");
  }
  int64_t width() const override { return 8; }

 private:
  const float shift_;
};

absl::StatusOr<std::unique_ptr<Predictor>> NewShifted(const ModelPackage& package) {
  return std::make_unique<Shifted>(package);
}

class LiveServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string rows = "time,current,speed\n";
    for (int i = 0; i < 400; ++i) {
      absl::StrAppend(&rows, 1'700'000'000 + i, ",", 10 + i % 3, ",", 1500 + i % 5, "\n");
    }
    MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), folder_.path() + "/day.csv", rows));
  }

  void Start() {
    const std::string toml = absl::StrCat(R"(
[live]
http = "127.0.0.1:0"
[heartbeat]
)",
                                          heartbeat_, tables_, R"(
[[source]]
name = "day"
kind = "replay"
path = "day.csv"
machine = "pump-1"
time_column = "time"
time = "s"
speed = 0
loop = true
[[machine]]
names = [)",
                                          machines_, R"(]
model = "pumps"
rate_hz = 1
hop = 1
threshold = 1.0
[[machine.channel]]
name = "current"
[[machine.channel]]
name = ")",
                                          speed_, "\"\n");
    MR_ASSERT_OK_AND_ASSIGN(TomlTable root, TomlTable::Parse(toml));
    const LiveConfig config = ReadLiveConfig(root, folder_.path());
    MR_ASSERT_OK(root.Finish());
    MR_ASSERT_OK_AND_ASSIGN(service_,
                            LiveService::Create(config, folder_.path() + "/state", NewShifted,
                                                PosixFileSystem(), SystemLiveClock()));
    if (ends_) service_->Halt();
    service_->Start();
  }

  std::string Get(const std::string& path) {
    const httplib::Result result = httplib::Client("127.0.0.1", service_->http_port()).Get(path);
    return result ? result->body : "";
  }
  bool Says(const std::string& key, const nlohmann::json& value,
            const std::string& machine = "pump-1") {
    return Eventually([&] {
      const nlohmann::json verdict =
          nlohmann::json::parse(Get("/verdicts/" + machine), nullptr, false);
      return verdict.is_object() && verdict.contains(key) && verdict[key] == value;
    });
  }

  bool ends_ = false;
  std::string machines_ = "\"pump-1\"";
  std::string speed_ = "speed";
  std::string heartbeat_;
  std::string tables_;
  TemporaryFolder folder_;
  ModelFolder models_{PosixFileSystem(), folder_.path() + "/state", "pumps"};
  std::unique_ptr<LiveService> service_;
};

TEST_F(LiveServiceTest, JudgesWhatASourceBringsAndTellsWhoAsks) {
  MR_ASSERT_OK(models_.Stage(ToyPackage(3, 0.25)));
  Start();
  ASSERT_TRUE(Says("verdict", "normal"));
  EXPECT_TRUE(Says("version", 3));
  EXPECT_TRUE(Says("score", 0.25));
  const std::string digest =
      absl::BytesToHexString(ParsePackage(ToyPackage(3, 0.25))->manifest.parameters_sha256());
  EXPECT_TRUE(Says("sha256", digest));
  EXPECT_THAT(Get("/models"), HasSubstr(digest));
  EXPECT_THAT(Get("/metrics"), HasSubstr("sha256=\"" + digest));
  EXPECT_THAT(Get("/metrics"), HasSubstr("millrace_verdicts_total{verdict=\"normal\"}"));
  EXPECT_THAT(Get("/metrics"), HasSubstr("millrace_source_state{source=\"day\",state=\"live\"} 1"));
  EXPECT_THAT(Get("/metrics"), HasSubstr("millrace_samples_unused{why=\"late\"}"));
  EXPECT_THAT(Get("/sources"), HasSubstr(R"({"source":"day","state":"live")"));
  EXPECT_EQ(Get("/healthz"), "ok\n");
  EXPECT_THAT(Get("/verdicts"), HasSubstr("pump-1"));
  EXPECT_THAT(Get("/verdicts/pump-2"), HasSubstr("no verdict"));
}

TEST_F(LiveServiceTest, HeartBeatsOnceTheMachineIsJudged) {
  heartbeat_ = "ignore_time = true";  // these are of November 2023
  Start();
  const auto alive = [&](const std::string& path) {
    const httplib::Result result = httplib::Client("127.0.0.1", service_->http_port()).Get(path);
    return result && result->status == 200;
  };
  EXPECT_FALSE(alive("/heartbeat/pump-1")) << "there is no model";
  EXPECT_THAT(Get("/heartbeat"), HasSubstr(R"("not_alive":["pump-1"])"));
  MR_ASSERT_OK(models_.Stage(ToyPackage(1, 0.25)));
  EXPECT_TRUE(Eventually([&] { return alive("/heartbeat/pump-1"); }));
  EXPECT_TRUE(Eventually([&] { return alive("/heartbeat"); }));
  EXPECT_THAT(Get("/metrics"), HasSubstr("millrace_training_held"));
}

TEST_F(LiveServiceTest, ButtonIsServedWhereTheFileSaysSo) {
  const auto press = [&](const std::string& machine) {
    httplib::Client client("127.0.0.1", service_->http_port());
    client.set_read_timeout(60);
    const httplib::Result answer =
        client.Post("/capture?machine=" + machine, "noise", "text/plain");
    return answer ? answer->status : 0;
  };
  tables_ = "[store]\nfolder = \"recordings\"\n[capture]\nfolder = \"captures\"\n";
  Start();
  EXPECT_EQ(press("pump-1"), 405);
  service_ = nullptr;
  tables_ += "button_http = true\n";
  Start();
  EXPECT_EQ(press("pump-1"), 202);
  EXPECT_EQ(press("pump-9"), 404);
}

TEST_F(LiveServiceTest, NewModelIsTakenUpWhileItRunsAndServesAfterARestart) {
  MR_ASSERT_OK(models_.Stage(ToyPackage(1, 0.25)));
  Start();
  ASSERT_TRUE(Says("version", 1));
  MR_ASSERT_OK(models_.Stage(ToyPackage(2, 3)));
  ASSERT_TRUE(Says("version", 2));
  EXPECT_TRUE(Says("verdict", "alarm"));
  service_ = nullptr;
  Start();
  EXPECT_TRUE(Says("version", 2));
}

TEST_F(LiveServiceTest, SeveralThreadsJudgeByOneModelAndComeToTheNextTogether) {
  machines_ = R"("pump-1", "pump-2")";
  tables_ = R"(
[serving]
workers = 2
[[source]]
name = "other-day"
kind = "replay"
path = "day.csv"
machine = "pump-2"
time_column = "time"
time = "s"
speed = 0
loop = true
)";
  MR_ASSERT_OK(models_.Stage(ToyPackage(1, 0.25)));
  Start();
  EXPECT_TRUE(Says("verdict", "normal", "pump-1"));
  EXPECT_TRUE(Says("verdict", "normal", "pump-2"));
  MR_ASSERT_OK(models_.Stage(ToyPackage(2, 3)));
  EXPECT_TRUE(Says("version", 2, "pump-1"));
  EXPECT_TRUE(Says("version", 2, "pump-2"));
  EXPECT_TRUE(Says("verdict", "alarm", "pump-2"));
  const uint64_t beats = service_->heart()->beats();
  EXPECT_TRUE(Eventually([&] { return service_->heart()->beats() > beats; }));
}

TEST_F(LiveServiceTest, ModelThatGoesNonFiniteIsRolledBack) {
  MR_ASSERT_OK(models_.Stage(ToyPackage(1, 0.25)));
  Start();
  ASSERT_TRUE(Says("version", 1));
  MR_ASSERT_OK(models_.Stage(ToyPackage(2, -1)));  // which the installer cannot see
  ASSERT_TRUE(Eventually([&] { return !models_.HasNext(); }));
  ASSERT_TRUE(Eventually([&] { return !PosixFileSystem()->Exists(models_.PreviousPath()); }));
  EXPECT_TRUE(Says("version", 1));
  EXPECT_TRUE(Says("verdict", "normal"));
}

TEST_F(LiveServiceTest, DamagedOrOlderPackageLeavesWhatServes) {
  MR_ASSERT_OK(models_.Stage(ToyPackage(2, 0.25)));
  Start();
  ASSERT_TRUE(Says("version", 2));
  std::string damaged = ToyPackage(3, 0.5);
  damaged[damaged.size() - 7] ^= 1;
  for (const std::string& package : {damaged, std::string("garbage"), ToyPackage(1, 0.5)}) {
    MR_ASSERT_OK(models_.Stage(package));
    ASSERT_TRUE(Eventually([&] { return !models_.HasNext(); }));
    EXPECT_TRUE(Says("version", 2));
  }
}

TEST_F(LiveServiceTest, ModelThatDoesNotFitAWrongConfigurationIsKept) {
  MR_ASSERT_OK(models_.Stage(ToyPackage(2, 0.25)));
  Start();
  ASSERT_TRUE(Says("version", 2));
  service_ = nullptr;
  speed_ = "sped";  // which the model needs
  Start();
  service_ = nullptr;
  speed_ = "speed";
  Start();
  EXPECT_TRUE(Says("version", 2));
}

TEST_F(LiveServiceTest, NothingStartsOnceItIsToEnd) {
  MR_ASSERT_OK(models_.Stage(ToyPackage(2, 0.25)));
  Start();
  ASSERT_TRUE(Says("version", 2));
  service_ = nullptr;
  ends_ = true;
  Start();
  EXPECT_EQ(service_->heart()->beats(), 0U);
  EXPECT_THAT(Get("/sources"), Not(HasSubstr("\"live\"")));
  service_ = nullptr;
  ends_ = false;
  Start();
  EXPECT_TRUE(Says("version", 2));
}

TEST_F(LiveServiceTest, RollbackThatWasCutOffIsFinishedAtTheStart) {
  MR_ASSERT_OK(models_.Stage(ToyPackage(1, 0.25)));
  MR_ASSERT_OK(models_.TakeNext());
  MR_ASSERT_OK(PosixFileSystem()->Rename(models_.InstallingPath(), models_.PreviousPath()));
  Start();
  EXPECT_TRUE(Says("version", 1));
}

TEST_F(LiveServiceTest, CurrentModelThatWasDamagedGivesWayToTheOneBefore) {
  for (const int version : {1, 2}) {
    MR_ASSERT_OK(models_.Stage(ToyPackage(version, 0.25)));
    MR_ASSERT_OK(models_.TakeNext());
    MR_ASSERT_OK(models_.Promote(ModelFolder::Former::kKeep));
  }
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), models_.CurrentPath(), "torn"));
  Start();
  EXPECT_TRUE(Says("version", 1));
}

}  // namespace
}  // namespace millrace
