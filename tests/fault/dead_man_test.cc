// SPDX-License-Identifier: Apache-2.0
// What the plant hears of a daemon that is killed.
#include <gmock/gmock.h>

#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/broker.h"
#include "tests/testing/eventually.h"
#include "tests/testing/lone_site.h"
#include "tests/testing/process.h"
#include "tests/testing/subscriber.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using testing::Broker;
using ::testing::ElementsAre;
using testing::Eventually;
using testing::Process;
using testing::Subscriber;

constexpr char kStatusTopic[] = "millrace/status";

/// Without a certificate: what watches the machines needs none.
std::string WatchingSite(int broker_port) {
  return absl::StrCat(testing::kLoneSite, R"([data]
kind = "delimited"
path = "none.csv"
[[machine]]
names = ["pump-1"]
rate_hz = 10
[[machine.channel]]
name = "current"
[[output]]
name = "plant"
kind = "mqtt"
host = "127.0.0.1"
port = )",
                      broker_port, "\nqos = 1\n");
}

TEST(DeadMan, OutputsFollowTheFileAndAChangeThatIsWrongLeavesThemAsTheyWere) {
  const testing::TemporaryFolder folder;
  Broker broker(folder.path(), {});
  const Subscriber plant(broker.port(), "millrace/#");
  const std::string config = folder.path() + "/site.toml";
  const std::string first = WatchingSite(broker.port());
  std::ofstream(config) << first;
  Process daemon({MILLRACE_CLIENT, "run", "--config", config}, folder.path() + "/daemon.log");
  ASSERT_TRUE(Eventually([&] { return plant.Heard(kStatusTopic).size() == 1; })) << daemon.Log();

  std::ofstream(config) << first << "queue_verdicts = \"many\"\n";
  ASSERT_TRUE(Eventually([&] {
    return absl::StrContains(daemon.Log(), "changed configuration not used");
  })) << daemon.Log();
  std::ofstream(config) << first << R"(
[[output]]
name = "plc"
kind = "modbus"
machines = ["pump-1"]
port = )" << broker.port()
                        << "\n";
  ASSERT_TRUE(Eventually([&] {
    return absl::StrContains(daemon.Log(), "changed outputs not used");
  })) << daemon.Log();
  EXPECT_THAT(plant.Heard(kStatusTopic), ElementsAre("online"));

  std::ofstream(config) << first << "status_topic = \"millrace/other\"\n";
  ASSERT_TRUE(Eventually([&] { return plant.Heard("millrace/other").size() == 1; }))
      << daemon.Log();
  ASSERT_TRUE(Eventually([&] { return plant.Heard(kStatusTopic).size() == 2; }));
  EXPECT_THAT(plant.Heard(kStatusTopic), ElementsAre("online", "offline"));
}

TEST(DeadMan, BrokerSaysThatADaemonWasKilledAndThatItIsBack) {
  const testing::TemporaryFolder folder;
  Broker broker(folder.path(), {});
  const Subscriber plant(broker.port(), kStatusTopic);
  const std::string config = folder.path() + "/site.toml";
  std::ofstream(config) << WatchingSite(broker.port());
  const std::vector<std::string> command = {MILLRACE_CLIENT, "run", "--config", config};
  Process daemon(command, folder.path() + "/daemon.log");
  ASSERT_TRUE(Eventually([&] { return plant.Heard().size() == 1; })) << daemon.Log();
  daemon.Kill();
  ASSERT_TRUE(Eventually([&] { return plant.Heard().size() == 2; }));
  Process next(command, folder.path() + "/next.log");
  ASSERT_TRUE(Eventually([&] { return plant.Heard().size() == 3; })) << next.Log();
  EXPECT_THAT(plant.Heard(kStatusTopic), ElementsAre("online", "offline", "online"));
}

}  // namespace
}  // namespace millrace
