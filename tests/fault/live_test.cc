// SPDX-License-Identifier: Apache-2.0
// A real daemon beside a machine: it trains a model with others, judges live rows by the very graph
// that was trained, and goes on when the coordinator is gone and after a kill -9 of its own.
#include <gmock/gmock.h>
#include <httplib.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "coordinator/cli/export.h"
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

  /// The model that a run over the site's history ends with, in a file.
  std::string TrainedModel() {
    const std::string run = fleet_.as_operator().StartRun(kPlan).value().id();
    const v1::Run ended = fleet_.AwaitEnd(run);
    EXPECT_EQ(ended.phase(), v1::RUN_PHASE_FINISHED) << fleet_.Logs();
    std::string path = fleet_.folder() + "/pumps.mrp";
    MR_EXPECT_OK(
        ExportModel(&fleet_.as_operator(), PosixFileSystem(), run, -1, path, [](int64_t) {}));
    return path;
  }
  void Install(const std::string& package) {
    Process install(
        {MILLRACE_CLIENT, "install", "--config", fleet_.folder() + "/plant.toml", package},
        fleet_.folder() + "/install.log");
    EXPECT_EQ(install.AwaitExit(), 0) << install.Log();
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
  nlohmann::json Verdict() {
    const httplib::Result answer = httplib::Client("127.0.0.1", Port()).Get("/verdicts/pump-1");
    return answer ? nlohmann::json::parse(answer->body, nullptr, false) : nlohmann::json();
  }
  /// Lets the machine run until the verdict on it is this.
  bool Becomes(const std::string& wanted, bool faulty) {
    return Eventually([&] {
      Append(4, faulty);
      const nlohmann::json verdict = Verdict();
      return verdict.is_object() && verdict.value("verdict", "") == wanted;
    });
  }

  Random random_{1};
  int64_t tick_ = 0;
  Fleet fleet_{MILLRACE_COORDINATOR};
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

}  // namespace
}  // namespace millrace
