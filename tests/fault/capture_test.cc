// SPDX-License-Identifier: Apache-2.0
// A real daemon that records what its machine does: a round trains from the recording, and what was
// captured outlasts a kill -9.
#include <gmock/gmock.h>
#include <httplib.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::Fleet;
using ::testing::HasSubstr;
using testing::Process;

constexpr char kRecordedPlan[] = R"(
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
epochs = 3
)";

constexpr char kRecordingSite[] = R"([data]
kind = "store"
captures = true
[live]
http = "127.0.0.1:0"
[store]
[capture]
before_s = 3
after_s = 4
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
rate_hz = 10
[[machine.channel]]
name = "current"
[[machine.channel]]
name = "speed"
)";

class CaptureFaultTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MR_ASSERT_OK(
        WriteFileDurably(PosixFileSystem(), fleet_.folder() + "/live.csv", "time,current,speed\n"));
    ASSERT_TRUE(fleet_.StartCoordinator());
    fleet_.StartSite(MILLRACE_CLIENT, "plant", kRecordingSite);
    ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
  }

  /// The machine goes on for so many tenths of a second.
  void Append(int rows) {
    std::ofstream file(fleet_.folder() + "/live.csv", std::ios::app);
    for (int i = 0; i < rows; ++i, ++tick_) {
      file << absl::StrFormat("%.1f,%d,%f\n", begin_s_ + 0.1 * tick_, tick_,
                              1500 + 20 * random_.Normal());
    }
  }
  /// A number of the daemon that started last, by its name in its metrics; -1: it has none.
  double Metric(const std::string& name) {
    const std::string log = fleet_.site("plant").Log();
    const size_t line = log.rfind("verdicts are served");
    if (line == std::string::npos) return -1;
    const std::string rest = log.substr(log.find("port", line) + 4);
    const size_t digit = rest.find_first_of("0123456789");
    int port = 0;
    (void)absl::SimpleAtoi(rest.substr(digit, rest.find_first_not_of("0123456789", digit) - digit),
                           &port);
    const httplib::Result answer = httplib::Client("127.0.0.1", port).Get("/metrics");
    const size_t at = answer ? answer->body.find("\n" + name + " ") : std::string::npos;
    double value = -1;
    if (at != std::string::npos) {
      const size_t begin = at + name.size() + 2;
      (void)absl::SimpleAtod(answer->body.substr(begin, answer->body.find('\n', begin) - begin),
                             &value);
    }
    return value;
  }
  /// What `millrace-client captures` with these arguments prints.
  std::string Captures(const std::vector<std::string>& arguments) {
    const std::string log = absl::StrCat(fleet_.folder(), "/captures-", ++commands_, ".log");
    std::vector<std::string> command = {MILLRACE_CLIENT, "captures", "--config",
                                        fleet_.folder() + "/plant.toml"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    Process process(command, log);
    EXPECT_EQ(process.AwaitExit(), 0) << process.Log();
    return process.Log();
  }
  nlohmann::json List() { return nlohmann::json::parse(Captures({"list", "--json"})); }
  void TrainOnce() {
    const std::string run = fleet_.as_operator().StartRun(kRecordedPlan).value().id();
    const v1::Run ended = fleet_.AwaitEnd(run);
    EXPECT_EQ(ended.phase(), v1::RUN_PHASE_FINISHED) << fleet_.Logs();
  }

  Random random_{1};
  // Now: what is older than the site keeps would go at once.
  const double begin_s_ = static_cast<double>(absl::ToUnixSeconds(absl::Now()));
  int64_t tick_ = 0;
  int commands_ = 0;
  Fleet fleet_{MILLRACE_COORDINATOR};
};

TEST_F(CaptureFaultTest, RoundTrainsFromTheRecordingAndACaptureOutlastsAKill) {
  Append(600);
  ASSERT_TRUE(Eventually([&] { return Metric("millrace_recorded_rows") >= 590; })) << fleet_.Logs();
  TrainOnce();

  EXPECT_THAT(Captures({"take", "pump-1", "--note", "strange noise"}), HasSubstr("pump-1"));
  ASSERT_TRUE(Eventually([&] { return Metric("millrace_captures_waiting") == 1; }))
      << fleet_.Logs();
  fleet_.site("plant").Kill();

  // What is in the file already comes from the recording alone.
  fleet_.StartSite(
      MILLRACE_CLIENT, "plant",
      absl::StrReplaceAll(kRecordingSite, {{"start = \"beginning\"", "start = \"end\""}}));
  ASSERT_TRUE(Eventually([&] {
    Append(20);
    return List().size() == 1;
  })) << fleet_.Logs();
  const nlohmann::json capture = List()[0];
  EXPECT_EQ(capture["machine"], "pump-1");
  EXPECT_EQ(capture["trigger"], "button");
  EXPECT_EQ(capture["reason"], "strange noise");
  const auto shown = nlohmann::json::parse(Captures({"show", capture["capture"], "--json"}));
  const nlohmann::json& current = shown["channels"][0];
  EXPECT_LE(current["min"], 570) << shown.dump();
  EXPECT_GE(current["values"], 30) << "of the three seconds before";

  Captures({"label", capture["capture"], "0", "--note", "a truck went by"});
  EXPECT_EQ(List()[0]["label"], 0);
  TrainOnce();
}

}  // namespace
}  // namespace millrace
