// SPDX-License-Identifier: Apache-2.0
// What a machine does is normal from now on, by somebody's order to a real daemon that is killed
// with kill -9, or is down when it is given.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
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

constexpr char kDriftingSite[] = R"([data]
kind = "delimited"
path = "live.csv"
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
rate_hz = 1
[[machine.channel]]
name = "current"
[[machine.channel]]
name = "speed"
)";

class RelearnFaultTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MR_ASSERT_OK(
        WriteFileDurably(PosixFileSystem(), fleet_.folder() + "/live.csv", "time,current,speed\n"));
    ASSERT_TRUE(fleet_.StartCoordinator());
    fleet_.StartSite(MILLRACE_CLIENT, "plant", kDriftingSite);
    ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
  }

  /// The machine goes on for so many seconds, at so many deviations from where it began.
  void Append(int seconds, double off) {
    std::ofstream file(fleet_.folder() + "/live.csv", std::ios::app);
    for (int i = 0; i < seconds; ++i) {
      file << absl::StrFormat("%d,%f,%f\n", 1'700'000'000 + second_++, 10 + random_.Normal() + off,
                              1500 + random_.Normal() + off);
    }
  }
  /// After a kill: with what is written from now on.
  void StartAgain() {
    fleet_.StartSite(
        MILLRACE_CLIENT, "plant",
        absl::StrReplaceAll(kDriftingSite, {{"start = \"beginning\"", "start = \"end\""}}));
    ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
  }
  /// What `millrace-client drift` with these arguments prints, if it ends so.
  std::string Drift(const std::vector<std::string>& arguments, int exit = 0) {
    const std::string log = absl::StrCat(fleet_.folder(), "/drift-", ++commands_, ".log");
    std::vector<std::string> command = {MILLRACE_CLIENT, "drift", "--config",
                                        fleet_.folder() + "/plant.toml"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    Process process(command, log);
    EXPECT_EQ(process.AwaitExit(), exit) << process.Log();
    return process.Log();
  }
  nlohmann::json List() { return nlohmann::json::parse(Drift({"list", "--json"})); }
  /// As it is listed: "confirmed", "learning by A. Smith"; empty: it is not.
  std::string StateOf(const std::string& channel) {
    const nlohmann::json list = List();
    for (const auto& entry : list["channels"]) {
      if (entry["channel"] != channel) continue;
      const std::string by = entry.value("by", "");
      return entry.value("state", "") + (by.empty() ? "" : " by " + by);
    }
    return "";
  }
  bool Becomes(const std::string& channel, const std::string& state) {
    return Eventually([&] { return StateOf(channel) == state; });
  }
  bool OrdersAreOver() {
    return Eventually([&] { return List()["orders"].empty(); });
  }

  Random random_{1};
  int64_t second_ = 0;
  int commands_ = 0;
  Fleet fleet_{MILLRACE_COORDINATOR};
};

TEST_F(RelearnFaultTest, DriftThatIsNormalNowIsNoneAfterAKillOfTheDaemonEither) {
  Append(100, 0);
  Append(300, 4);
  ASSERT_TRUE(Becomes("current", "confirmed")) << fleet_.Logs();
  ASSERT_TRUE(Becomes("speed", "confirmed")) << fleet_.Logs();
  EXPECT_THAT(Drift({"list"}), HasSubstr("cusum"));

  EXPECT_THAT(Drift({"relearn", "pump-9"}, 2), HasSubstr("machine 'pump-9'"));
  EXPECT_THAT(Drift({"relearn", "pump-1", "pressure"}, 2), HasSubstr("current, speed"));
  EXPECT_THAT(Drift({"relearn", "pump-1", "current", "--by", "A. Smith", "--note", "new gearbox"}),
              HasSubstr("pump-1 (current)"));
  ASSERT_TRUE(Becomes("current", "learning by A. Smith")) << fleet_.Logs();
  ASSERT_TRUE(OrdersAreOver()) << fleet_.Logs();
  EXPECT_THAT(fleet_.site("plant").Log(), HasSubstr("what is normal is learnt anew"));
  EXPECT_THAT(fleet_.site("plant").Log(), HasSubstr("new gearbox"));
  fleet_.site("plant").Kill();

  Drift({"relearn", "pump-1", "speed", "--by", "B. Jones"});  // nobody is there to hear it
  EXPECT_THAT(Drift({"list"}), HasSubstr("waits for the daemon: pump-1 (speed)"));
  StartAgain();
  EXPECT_TRUE(Becomes("current", "learning by A. Smith")) << fleet_.Logs();
  EXPECT_TRUE(Becomes("speed", "learning by B. Jones")) << fleet_.Logs();
  ASSERT_TRUE(OrdersAreOver()) << fleet_.Logs();

  EXPECT_TRUE(Eventually([&] {
    Append(40, 4);
    return StateOf("current").empty() && StateOf("speed").empty();
  })) << "it is normal now"
      << fleet_.Logs();
  EXPECT_TRUE(Eventually([&] {
    Append(20, 0);
    return !StateOf("current").empty();
  })) << "and what was normal once is not"
      << fleet_.Logs();
}

}  // namespace
}  // namespace millrace
