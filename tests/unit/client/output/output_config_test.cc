// SPDX-License-Identifier: Apache-2.0
#include "client/output/output_config.h"

#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::JudgedMachines;
using ::testing::SizeIs;

absl::StatusOr<std::vector<OutputConfig>> ReadOutputText(const std::string& toml) {
  MR_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(toml));
  std::vector<OutputConfig> outputs =
      ReadOutputs(root, "/site", {JudgedMachines({"pump-1", "pump-2", "pump-3"})});
  MR_RETURN_IF_ERROR(root.Finish());
  return outputs;
}

TEST(OutputConfigTest, ReadsEveryKind) {
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<OutputConfig> outputs, ReadOutputText(R"(
[[output]]
name = "plant"
kind = "mqtt"
host = "broker"
user = "edge"
password_file = "secret"
qos = 1
verdict_topic = "a/{machine}"
retain = false
queue_verdicts = 5
[output.tls]
authority = "ca.pem"
[[output]]
name = "plc"
kind = "modbus"
host = "::1"
port = 502
machines = ["pump-3", "pump-{1..2}"]
word_order = "little"
[[output]]
name = "local"
kind = "grpc"
listen = "unix:live.sock"
[[output]]
name = "port"
kind = "grpc"
listen = "[::1]:0"
)"));
  ASSERT_THAT(outputs, SizeIs(4));
  const auto& mqtt = std::get<MqttOutputConfig>(outputs[0].kind);
  EXPECT_EQ(mqtt.broker.port, 8883);
  EXPECT_EQ(mqtt.broker.qos, 1);
  EXPECT_EQ(mqtt.broker.password_file, "/site/secret");
  EXPECT_EQ(mqtt.broker.tls.authority, "/site/ca.pem");
  EXPECT_EQ(mqtt.verdict_topic, "a/{machine}");
  EXPECT_EQ(mqtt.status_topic, "millrace/status");
  EXPECT_FALSE(mqtt.retain);
  EXPECT_EQ(mqtt.queue_verdicts, 5);
  const auto& modbus = std::get<ModbusOutputConfig>(outputs[1].kind);
  EXPECT_THAT(modbus.machines, ElementsAre("pump-3", "pump-1", "pump-2"));
  EXPECT_TRUE(modbus.low_word_first);
  EXPECT_EQ(std::get<GrpcOutputConfig>(outputs[2].kind).listen, "unix:/site/live.sock");
  EXPECT_EQ(std::get<GrpcOutputConfig>(outputs[3].kind).listen, "[::1]:0");
}

struct Fault {
  std::string toml;
  std::string says;
};

class OutputConfigFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(OutputConfigFaultTest, NamesTheKey) {
  EXPECT_THAT(ReadOutputText("[[output]]\nname = \"out\"\n" + GetParam().toml),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().says)));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, OutputConfigFaultTest,
    ::testing::Values(
        Fault{"kind = \"opc\"", "kind = \"opc\": must be one of mqtt, modbus, grpc"},
        Fault{"", "kind: missing"}, Fault{"kind = \"mqtt\"", "host: missing"},
        Fault{"kind = \"mqtt\"\nhost = \"b\"\nquality = 1", "quality: unknown key"},
        Fault{"kind = \"mqtt\"\nhost = \"b\"\nverdict_topic = \"all\"", "must have {machine}"},
        Fault{"kind = \"mqtt\"\nhost = \"b\"\nstatus_topic = \"a/{machine}\"", "has no {machine}"},
        Fault{"kind = \"mqtt\"\nhost = \"b\"\nverdict_topic = \"a/{machine}/#\"",
              "without + and #"},
        Fault{"kind = \"mqtt\"\nhost = \"b\"\nverdict_topic = \"{machine}/{channel}\"",
              "only place for a name is {machine}"},
        Fault{"kind = \"mqtt\"\nhost = \"b\"\nheartbeat_topic = \"millrace/{machine}/verdict\"",
              "is the topic of verdicts"},
        Fault{"kind = \"modbus\"", "machines: missing"},
        Fault{"kind = \"modbus\"\nmachines = [\"pump-4\"]", "'pump-4' is in no [[machine]]"},
        Fault{"kind = \"modbus\"\nmachines = [\"pump-1\", \"pump-{1..2}\"]", "is there twice"},
        Fault{"kind = \"modbus\"\nmachines = [\"pump-1\"]\nhost = \"plc.example\"",
              "must be an address of this machine"},
        Fault{"kind = \"grpc\"\nlisten = \"0.0.0.0:9301\"", "must be a port of the loopback"},
        Fault{"kind = \"grpc\"\nlisten = \"127.0.0.1\"", "must be a port of the loopback"}));

TEST(OutputConfigTest, TwoOutputsOfOneNameAreRefused) {
  const std::string one = "[[output]]\nname = \"a\"\nkind = \"grpc\"\nlisten = \"unix:a\"\n";
  EXPECT_THAT(ReadOutputText(one + one),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("another output has it")));
}

TEST(OutputConfigTest, SaysWhatIsNotProtected) {
  OutputConfig config;
  ModbusOutputConfig modbus;
  config.kind = modbus;
  EXPECT_EQ(PlaintextWarning(config), "");
  modbus.host = "10.0.0.7";
  config.kind = modbus;
  EXPECT_THAT(PlaintextWarning(config), HasSubstr("Modbus TCP on 10.0.0.7"));
  MqttOutputConfig mqtt;
  mqtt.broker.host = "broker";
  config.kind = mqtt;
  EXPECT_THAT(PlaintextWarning(config), HasSubstr("MQTT without TLS"));
}

TEST(HeartbeatConfigTest, FreshnessThatNoVerdictCanKeepIsRefused) {
  MachineConfig slow = JudgedMachines({"pump-1"});
  slow.hop = 60;
  MR_ASSERT_OK_AND_ASSIGN(TomlTable root, TomlTable::Parse("[heartbeat]\nfresh_s = 59\n"));
  ReadHeartbeat(root, {slow});
  EXPECT_THAT(root.Finish(), IsStatus(absl::StatusCode::kInvalidArgument,
                                      AllOf(HasSubstr("fresh_s"), HasSubstr("60 s"))));
  MR_ASSERT_OK_AND_ASSIGN(root, TomlTable::Parse("[heartbeat]\nfresh_s = 60\nperiod_s = 0.5\n"));
  EXPECT_EQ(ReadHeartbeat(root, {slow}).period_s, 0.5);
  MR_EXPECT_OK(root.Finish());
  slow.fresh_s = 90;
  MR_ASSERT_OK_AND_ASSIGN(root, TomlTable::Parse("[heartbeat]\nfresh_s = 5\n"));
  ReadHeartbeat(root, {slow, JudgedMachines({"pump-2"})});
  MR_EXPECT_OK(root.Finish()) << "the slow machine says it for itself";
}

TEST(HeartbeatConfigTest, TimeOfTheDataCountsUnlessTheSiteSaysOtherwise) {
  EXPECT_FALSE(HeartbeatConfig().ignore_time);
  MR_ASSERT_OK_AND_ASSIGN(TomlTable root,
                          TomlTable::Parse("[heartbeat]\nmost_lag_s = 0\nignore_time = true\n"));
  const HeartbeatConfig config = ReadHeartbeat(root, {});
  MR_EXPECT_OK(root.Finish());
  EXPECT_EQ(config.most_lag_s, 0);
  EXPECT_TRUE(config.ignore_time);
}

}  // namespace
}  // namespace millrace
