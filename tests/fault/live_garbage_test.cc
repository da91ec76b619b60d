// SPDX-License-Identifier: Apache-2.0
// Sources that tell a running daemon nonsense, beside one that is well: a topic of noise at a real
// broker, and a Modbus device that lies.
#include <gmock/gmock.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "tests/fault/watched_plant.h"
#include "tests/testing/broker.h"
#include "tests/testing/eventually.h"
#include "tests/testing/lying_device.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::LyingDevice;

constexpr int kGarbageMessages = 500;

std::string NoisySources(int broker_port, int device_port) {
  return absl::StrCat(R"([[source]]
name = "noise"
kind = "mqtt"
host = "127.0.0.1"
port = )",
                      broker_port, R"(
format = "json"
topics = ["plant/{machine}/{channel}"]
[[source]]
name = "liar"
kind = "modbus"
host = "127.0.0.1"
port = )",
                      device_port, R"(
machine = "pump-3"
period_s = 0.02
timeout_s = 0.2
[[source.register]]
channel = "current"
address = 0
type = "float32"
[[source.register]]
channel = "speed"
address = 2
type = "uint16"
[[machine]]
names = ["pump-2", "pump-3"]
rate_hz = 5
[[machine.channel]]
name = "current"
[[machine.channel]]
name = "speed"
)");
}

class LiveGarbageTest : public ::testing::Test {
 protected:
  void SetUp() override { plant_.Start(MILLRACE_CLIENT); }

  /// What /sources says of the source.
  nlohmann::json Source(const std::string& name) const {
    const nlohmann::json sources = nlohmann::json::parse(plant_.Get("/sources"), nullptr, false);
    if (!sources.is_array()) return nlohmann::json::object();
    for (const nlohmann::json& source : sources) {
      if (source.value("source", "") == name) return source;
    }
    return nlohmann::json::object();
  }
  /// Beginnings of what would be right, and bytes that never are.
  std::string Garbage() {
    std::string payload = random_.Uniform() < 0.5 ? R"({"value": 1.5, "timestamp": )" : "";
    const auto bytes = static_cast<size_t>(64 * random_.Uniform());
    for (size_t i = 0; i < bytes; ++i) {
      payload += static_cast<char>(static_cast<unsigned char>(256 * random_.Uniform()));
    }
    return payload + '\x01';
  }

  Random random_{1};
  const testing::TemporaryFolder brokers_folder_;
  testing::Broker broker_{brokers_folder_.path(), {}};
  LyingDevice device_;
  WatchedPlant plant_{NoisySources(broker_.port(), device_.port())};
};

TEST_F(LiveGarbageTest, CostsNoVerdictOfOtherMachinesAndIsTold) {
  ASSERT_TRUE(plant_.IsJudgedAgain()) << plant_.daemon().Log();
  testing::Publisher publisher(broker_.port());
  ASSERT_TRUE(Eventually([&] {
    publisher.Publish("plant/pump-2/current", "1.5");
    return Source("noise").value("samples", 0) > 0;
  })) << plant_.daemon().Log();

  for (int i = 0; i < kGarbageMessages; ++i) {
    publisher.Publish(i % 2 == 0 ? "plant/pump-2/current" : "plant/pump-1/speed", Garbage());
  }
  EXPECT_TRUE(Eventually([&] {
    plant_.GoOn();
    return Source("noise").value("refused", 0) >= kGarbageMessages;
  })) << Source("noise").dump();
  EXPECT_NE(Source("noise").value("last_refusal", ""), "");
  EXPECT_TRUE(Eventually([&] {
    plant_.GoOn();
    const nlohmann::json liar = Source("liar");
    return device_.told() >= LyingDevice::kLies && liar.value("state", "") == "failed" &&
           !liar.value("reason", "").empty();
  })) << Source("liar").dump();
  EXPECT_TRUE(plant_.IsJudgedAgain()) << plant_.daemon().Log();

  const int before = Source("noise").value("samples", 0);
  EXPECT_TRUE(Eventually([&] {
    publisher.Publish("plant/pump-2/current", "1.5");
    return Source("noise").value("samples", 0) > before;
  })) << "what is right is taken as ever";
  plant_.daemon().Signal(SIGTERM);
  EXPECT_EQ(plant_.daemon().AwaitExit(), 0) << plant_.daemon().Log();
}

}  // namespace
}  // namespace millrace
