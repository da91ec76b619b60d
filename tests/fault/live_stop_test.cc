// SPDX-License-Identifier: Apache-2.0
// What a plant hears last of a daemon that is stopped while its machine goes on.
#include <gmock/gmock.h>

#include <csignal>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/fault/watched_plant.h"
#include "tests/testing/broker.h"
#include "tests/testing/eventually.h"
#include "tests/testing/subscriber.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::Subscriber;

std::string OutputAt(int broker_port) {
  return absl::StrCat(R"([[output]]
name = "plant"
kind = "mqtt"
host = "127.0.0.1"
qos = 1
port = )",
                      broker_port, "\n");
}

TEST(LiveStop, OutputsSayGoodbyeOnceTheLastVerdictIsOut) {
  const testing::TemporaryFolder brokers_folder;
  const testing::Broker broker(brokers_folder.path(), {});
  const Subscriber listener(broker.port(), "millrace/#");
  WatchedPlant plant(OutputAt(broker.port()));
  plant.Start(MILLRACE_CLIENT);
  ASSERT_TRUE(plant.IsJudgedAgain()) << plant.daemon().Log();
  constexpr char kVerdictTopic[] = "millrace/pump-1/verdict";
  ASSERT_TRUE(Eventually([&] {
    plant.GoOn();
    return listener.Heard(kVerdictTopic).size() >= 3;
  })) << plant.daemon().Log();

  plant.daemon().Signal(SIGTERM);
  ASSERT_TRUE(Eventually([&] {
    plant.GoOn();
    return absl::StrContains(plant.daemon().Log(), "client stops");
  }));
  ASSERT_EQ(plant.daemon().AwaitExit(), 0) << plant.daemon().Log();
  // Whatever the daemon has sent comes before what is sent now.
  testing::Publisher marker(broker.port());
  marker.Publish("millrace/marker", "");
  ASSERT_TRUE(Eventually([&] { return !listener.Heard("millrace/marker").empty(); }));
  const std::vector<Subscriber::Message> heard = listener.Heard();
  ASSERT_EQ(heard.back().topic, "millrace/marker");
  ASSERT_GE(heard.size(), 2);
  const Subscriber::Message& last = heard[heard.size() - 2];
  EXPECT_EQ(last.topic, "millrace/status");
  EXPECT_EQ(last.payload, "offline");
}

}  // namespace
}  // namespace millrace
