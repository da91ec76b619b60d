// SPDX-License-Identifier: Apache-2.0
// A real daemon beside a machine: it trains a model with others, judges live rows by the very graph
// that was trained, and goes on when the coordinator is gone and after a kill -9 of its own.
#include <gmock/gmock.h>
#include <httplib.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/random.h"
#include "client/release/model_folder.h"
#include "coordinator/cli/export.h"
#include "models/package_signature.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::Fleet;
using testing::Process;

constexpr char kPlan[] = R"(
secure_aggregation = "off"
[run]
name = "pumps"
rounds = 2
[cohort]
target = 1
minimum = 1
[model]
kind = "autoencoder"
hidden = [3]
[input]
channels = ["current", "speed"]
window = 4
[label]
kind = "none"
[training]
epochs = 30
learning_rate = 0.01
)";

constexpr char kSite[] = R"([data]
kind = "delimited"
path = "history.csv"
[live]
http = "127.0.0.1:0"
[serving]
budget_p99_ms = 1000
[drift]
learn_s = 60
recent_s = 60
check_s = 5
[[source]]
name = "plc"
kind = "file"
path = "live.csv"
machine = "pump-1"
time_column = "time"
start = "beginning"
poll_s = 0.02
[[machine]]
names = ["pump-1"]
model = "pumps"
rate_hz = 10
hop = 2
threshold = 3.0
[[machine.channel]]
name = "current"
unit = "A"
[[machine.channel]]
name = "speed"
unit = "rpm"
)";

/// A second model on the same machine.
constexpr char kWear[] = R"(
[[machine]]
names = ["pump-1-wear"]
channels_of = ["pump-1"]
model = "wear"
hop = 5
threshold = 3.0
)";

class Live : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string history = "time,current,speed\n";
    for (int i = 0; i < 600; ++i) absl::StrAppend(&history, Row(false));
    MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), fleet_.folder() + "/history.csv", history));
    MR_ASSERT_OK(
        WriteFileDurably(PosixFileSystem(), fleet_.folder() + "/live.csv", "time,current,speed\n"));
    ASSERT_TRUE(fleet_.StartCoordinator());
    fleet_.StartSite(MILLRACE_CLIENT, "plant", kSite);
    ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
  }

  /// The next tenth of a second of the machine.
  std::string Row(bool faulty) {
    const double current = 10 + 0.3 * random_.Normal() + (faulty ? 5 : 0);
    const double speed = 1500 + 20 * random_.Normal();
    return absl::StrFormat("%.1f,%f,%f\n", 1.7e9 + 0.1 * tick_++, current, speed);
  }
  void Append(int rows, bool faulty) {
    std::ofstream file(fleet_.folder() + "/live.csv", std::ios::app);
    for (int i = 0; i < rows; ++i) file << Row(faulty);
  }

  /// The model that a run over the site's history ends with.
  ModelPackage TrainedModel(const std::string& plan = kPlan) {
    const std::string run = fleet_.as_operator().StartRun(plan).value().id();
    const v1::Run ended = fleet_.AwaitEnd(run);
    EXPECT_EQ(ended.phase(), v1::RUN_PHASE_FINISHED) << fleet_.Logs();
    const std::string path = fleet_.folder() + "/pumps.mrp";
    MR_EXPECT_OK(
        ExportModel(&fleet_.as_operator(), PosixFileSystem(), run, -1, path, [](int64_t) {}));
    return ReadPackage(PosixFileSystem(), path).value();
  }
  ModelPackage Signed(ModelPackage package, const KeyAndCertificate& by) {
    package.signatures = {
        SignPackage(package, by.key_pem, by.certificate_pem, absl::Now()).value()};
    return package;
  }
  std::string Written(const ModelPackage& package) {
    std::string path = absl::StrCat(fleet_.folder(), "/package-", ++packages_, ".mrp");
    MR_EXPECT_OK(WritePackage(PosixFileSystem(), path, package));
    return path;
  }
  /// What `millrace-client install` says; empty if it took the package.
  std::string InstallError(const std::string& path) {
    Process install({MILLRACE_CLIENT, "install", "--config", fleet_.folder() + "/plant.toml", path},
                    fleet_.folder() + "/install.log");
    return install.AwaitExit() == 0 ? "" : install.Log();
  }
  /// Signed by a publisher.
  void Install(const ModelPackage& package) {
    EXPECT_EQ(InstallError(Written(Signed(package, publisher_))), "");
  }

  /// Where the daemon that started last serves its verdicts.
  int Port() {
    const std::string log = fleet_.site("plant").Log();
    const size_t line = log.rfind("verdicts are served");
    if (line == std::string::npos) return 0;
    const std::string rest = log.substr(log.find("port", line) + 4);
    const size_t digit = rest.find_first_of("0123456789");
    int port = 0;
    (void)absl::SimpleAtoi(rest.substr(digit, rest.find_first_not_of("0123456789", digit) - digit),
                           &port);
    return port;
  }
  nlohmann::json Verdict(const std::string& machine = "pump-1") {
    const httplib::Result answer = httplib::Client("127.0.0.1", Port()).Get("/verdicts/" + machine);
    return answer ? nlohmann::json::parse(answer->body, nullptr, false) : nlohmann::json();
  }
  /// Lets the machine run until the verdict on it is this.
  bool Becomes(const std::string& wanted, bool faulty, const std::string& machine = "pump-1") {
    return Eventually([&] {
      Append(4, faulty);
      const nlohmann::json verdict = Verdict(machine);
      return verdict.is_object() && verdict.value("verdict", "") == wanted;
    });
  }

  Random random_{1};
  int64_t tick_ = 0;
  int packages_ = 0;  // written
  Fleet fleet_{MILLRACE_COORDINATOR};
  const KeyAndCertificate publisher_ = fleet_.federation().Issue(Role::kPublisher, "ada");
};

TEST_F(Live, MachineIsJudgedByTheGraphThatWasTrainedWhateverElseDies) {
  Install(TrainedModel());
  ASSERT_TRUE(Becomes("normal", /*faulty=*/false)) << fleet_.Logs();
  EXPECT_GT(Verdict()["score"], 0);

  fleet_.coordinator().Kill();
  ASSERT_TRUE(Becomes("alarm", /*faulty=*/true)) << Verdict().dump();
  EXPECT_EQ(Verdict()["shares"][0]["channel"], "current") << Verdict().dump();
  ASSERT_TRUE(Becomes("normal", /*faulty=*/false));
  const nlohmann::json before = Verdict();

  fleet_.site("plant").Kill();
  fleet_.StartSite(MILLRACE_CLIENT, "plant", kSite);
  ASSERT_TRUE(Becomes("alarm", /*faulty=*/true)) << fleet_.Logs();
  EXPECT_EQ(Verdict()["version"], before["version"]);
}

TEST_F(Live, SecondModelJudgesTheSameRowsByWindowsOfItsOwn) {
  const ModelPackage pumps = TrainedModel();
  const ModelPackage wear = TrainedModel(
      absl::StrReplaceAll(kPlan, {{"\"pumps\"", "\"wear\""}, {"window = 4", "window = 10"}}));
  for (int start = 0; start < 2; ++start) {
    fleet_.site("plant").Kill();
    fleet_.StartSite(MILLRACE_CLIENT, "plant", absl::StrCat(kSite, kWear));
    if (start == 0) Install(pumps);
    if (start == 0) Install(wear);
    for (const char* machine : {"pump-1", "pump-1-wear"}) {
      ASSERT_TRUE(Becomes("normal", /*faulty=*/false, machine)) << fleet_.Logs();
    }
    for (const char* machine : {"pump-1", "pump-1-wear"}) {
      ASSERT_TRUE(Becomes("alarm", /*faulty=*/true, machine)) << Verdict(machine).dump();
    }
    EXPECT_EQ(Verdict()["model"], "pumps");
    EXPECT_EQ(Verdict("pump-1-wear")["model"], "wear");
    EXPECT_EQ(Verdict("pump-1-wear")["sha256"],
              absl::BytesToHexString(wear.manifest.parameters_sha256()));
  }
}

TEST_F(Live, WhatNoPublisherVouchesForLeavesTheModelThatServes) {
  const ModelPackage trained = TrainedModel();
  Install(trained);
  ASSERT_TRUE(Becomes("normal", /*faulty=*/false)) << fleet_.Logs();
  const nlohmann::json before = Verdict();
  const std::string digest = trained.manifest.parameters_sha256();
  EXPECT_EQ(before["sha256"], absl::BytesToHexString(digest));
  EXPECT_TRUE(Eventually([&] {
    const v1::ListSitesResponse sites = fleet_.as_operator().ListSites().value();
    return sites.sites(0).serving_size() == 1 &&
           sites.sites(0).serving(0).parameters_sha256() == digest;
  })) << fleet_.Logs();

  v1::PackageManifest later = trained.manifest;
  later.set_version(trained.manifest.version() + 1);
  const ModelPackage newer = WithManifest(trained, later).value();
  v1::PackageManifest earlier = trained.manifest;
  earlier.set_version(trained.manifest.version() - 1);
  const ModelPackage older = WithManifest(trained, earlier).value();
  const KeyAndCertificate stranger = testing::TestFederation().Issue(Role::kPublisher, "ada");
  std::string damaged = ReadFile(PosixFileSystem(), Written(Signed(newer, publisher_))).value();
  damaged[damaged.size() / 2] ^= 1;
  const std::string damaged_path = fleet_.folder() + "/damaged.mrp";
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), damaged_path, damaged));

  ModelFolder models(PosixFileSystem(), fleet_.folder() + "/spool_plant", "pumps");
  for (const auto& [path, reason] :
       {std::pair(Written(newer), "signed by no publisher"),
        std::pair(Written(Signed(newer, stranger)), "signed by another authority"),
        std::pair(damaged_path, "model package"),
        std::pair(Written(Signed(older, publisher_)), "has served here")}) {
    EXPECT_THAT(InstallError(path), ::testing::HasSubstr(reason));
    // Past the command, by whoever may write to the folder.
    const std::string bytes = ReadFile(PosixFileSystem(), path).value();
    MR_ASSERT_OK(models.Stage(bytes));
    ASSERT_TRUE(Eventually([&] { return !models.HasNext(); })) << fleet_.Logs();
    EXPECT_THAT(fleet_.site("plant").Log(), ::testing::HasSubstr(reason));
  }
  ASSERT_TRUE(Becomes("alarm", /*faulty=*/true)) << fleet_.Logs();
  EXPECT_EQ(Verdict()["version"], before["version"]);
  EXPECT_EQ(Verdict()["sha256"], before["sha256"]);

  Install(newer);
  EXPECT_TRUE(Eventually([&] {
    Append(4, /*faulty=*/false);
    const nlohmann::json verdict = Verdict();
    return verdict.is_object() && verdict.value("version", int64_t{0}) == later.version();
  })) << fleet_.Logs();
}

TEST_F(Live, DriftOfTheMachineStartsTheRunThatWaitsForIt) {
  Install(TrainedModel());
  ASSERT_TRUE(Becomes("normal", /*faulty=*/false)) << fleet_.Logs();
  Append(700, /*faulty=*/false);  // it learns what is normal from 60 s of them
  const std::string run = fleet_.as_operator()
                              .StartRun(absl::StrCat(kPlan, "[start]\non_drift_share = 1\n"))
                              .value()
                              .id();
  ASSERT_TRUE(Eventually([&] {
    return fleet_.GetRun(run).held_up() == "waits for drift: 0 of 1 site (needs 1)";
  })) << fleet_.Logs();

  Append(1200, /*faulty=*/true);
  const v1::Run ended = fleet_.AwaitEnd(run);
  EXPECT_EQ(ended.phase(), v1::RUN_PHASE_FINISHED) << fleet_.Logs();
  EXPECT_EQ(ended.started_by(), "drift at 1 of 1 sites (needed 1)");
  const v1::Site site = fleet_.as_operator().ListSites()->sites(0);
  ASSERT_EQ(site.drift_size(), 1) << fleet_.Logs();
  EXPECT_EQ(site.drift(0).name(), "pumps");
  EXPECT_EQ(site.drift(0).parameters_sha256(), site.serving(0).parameters_sha256());
  EXPECT_EQ(site.drift(0).channels_watched(), 2);
  EXPECT_EQ(site.drift(0).channels_in_drift(), 1) << "the current alone has moved";
}

}  // namespace
}  // namespace millrace
