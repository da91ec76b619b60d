// SPDX-License-Identifier: Apache-2.0
#include "client/live/source_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/statusor.h"
#include "base/status.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

absl::StatusOr<std::vector<SourceConfig>> Parse(const std::string& toml) {
  MR_ASSIGN_OR_RETURN(const TomlTable root, TomlTable::Parse(toml));
  std::vector<SourceConfig> configs = ReadSourceConfigs(root, "/etc/site");
  MR_RETURN_IF_ERROR(root.Finish());
  return configs;
}

std::string SourceText(const std::string& kind, const std::string& keys) {
  return "[[source]]\nname = \"line-1\"\nkind = \"" + kind + "\"\n" + keys;
}

template <typename T>
T Only(const std::string& kind, const std::string& keys) {
  const auto configs = Parse(SourceText(kind, keys));
  MR_EXPECT_OK(configs);
  return configs.ok() ? std::get<T>(configs->at(0).kind) : T();
}

constexpr char kBroker[] = "host = \"broker\"\nformat = \"json\"\n";
constexpr char kTopic[] = "topics = [\"plant/{machine}/{channel}\"]\n";

TEST(SourceConfigTest, ReadsABroker) {
  const auto config = Only<MqttConfig>("mqtt", std::string(kBroker) + kTopic + R"(
    version = "5"
    user = "edge"
    password_file = "broker.password"
    qos = 1
    client_id = "press-7"
    stale_s = 5
    value = "v"
    time = "ms"
    rate_hz = 1000
    block_time = "last"
    [source.tls]
    authority = "ca.pem"
    certificate = "edge.pem"
    key = "edge.key")");
  EXPECT_TRUE(config.version_5);
  EXPECT_EQ(config.port, 8883);
  EXPECT_EQ(config.tls.authority, "/etc/site/ca.pem");
  EXPECT_EQ(config.password_file, "/etc/site/broker.password");
  EXPECT_EQ(std::get<JsonFormat>(config.format).value, "v");
  EXPECT_EQ(std::get<JsonFormat>(config.format).time, TimeFormat::kMilliseconds);
  EXPECT_EQ(config.timing, (BlockTiming{1000, BlockTime::kLast}));
}

TEST(SourceConfigTest, ReadsRawAndSparkplugPayloads) {
  const auto raw = Only<MqttConfig>("mqtt", std::string(kTopic) + R"(
    host = "broker"
    format = "raw"
    type = "int16"
    byte_order = "big"
    header = "unix_us"
    scale = 0.01
    rate_hz = 20000)");
  EXPECT_EQ(std::get<RawFormat>(raw.format),
            (RawFormat{RawType::kInt16, true, RawHeader::kUnixUs, 0.01, 0}));
  EXPECT_EQ(raw.port, 1883);
  const auto sparkplug = Only<MqttConfig>("mqtt", "host = \"broker\"\nformat = \"sparkplug_b\"\n");
  EXPECT_THAT(sparkplug.topics, ElementsAre("spBv1.0/#"));
}

TEST(SourceConfigTest, ReadsRegisters) {
  const auto config = Only<ModbusConfig>("modbus", R"(
    host = "plc"
    machine = "pump-1"
    unit = 3
    period_s = 0.1
    [[source.register]]
    channel = "current"
    table = "input"
    address = 10
    type = "float32"
    word_order = "little"
    byte_order = "little"
    scale = 0.1
    offset = -4
    [[source.register]]
    channel = "running"
    table = "coil"
    address = 3)");
  ASSERT_THAT(config.points, SizeIs(2));
  EXPECT_EQ(config.points[0], (RegisterPoint{"current", RegisterTable::kInput, 10,
                                             RegisterType::kFloat32, 0, true, true, 0.1, -4}));
  EXPECT_EQ(config.points[1].type, RegisterType::kBit);
  EXPECT_EQ(config.unit, 3);
}

TEST(SourceConfigTest, ReadsFilesRecordingsAndReplays) {
  const auto file = Only<FileConfig>(
      "file",
      "path = \"log.csv\"\nmachine = \"pump-1\"\ntime_column = \"t\"\nseparator = \"tab\"\n"
      "utc_offset = \"-05:30\"\n");
  EXPECT_EQ(file.rows.utc_offset_s, -19'800);
  EXPECT_EQ(file.path, "/etc/site/log.csv");
  EXPECT_EQ(file.rows.separator, '\t');
  EXPECT_FALSE(file.from_beginning);
  const auto recordings = Only<RecordingsConfig>("recordings",
                                                 "path = \"in\"\npattern = \"*.npy\"\nmachine = "
                                                 "\"pump-1\"\nchannels = [\"x\"]\nrate_hz = 5\n");
  EXPECT_EQ(recordings.folder, "/etc/site/in");
  EXPECT_THAT(recordings.format.channels, ElementsAre("x"));
  const auto replay = Only<ReplayConfig>(
      "replay", "path = \"/a/*.csv\"\nmachine = \"pump-1\"\nspeed = 10\ntimes = \"now\"\n");
  EXPECT_EQ(replay.path, "/a/*.csv");
  EXPECT_TRUE(replay.shifted);
}

TEST(SourceConfigTest, ReadsRenames) {
  const auto configs = Parse(SourceText("file", R"(
    path = "log.csv"
    machine = "PLC7"
    [[source.rename]]
    from = "PLC7/AI_3"
    to = "pump-1/current")"));
  MR_ASSERT_OK(configs);
  EXPECT_THAT(configs->at(0).renames, ElementsAre(ChannelRename{"PLC7/AI_3", "pump-1/current"}));
}

TEST(SourceConfigTest, RefusalsNameTheKeyAndTheReason) {
  const std::string broker = kBroker;
  const std::string modbus = "host = \"plc\"\nmachine = \"pump-1\"\n[[source.register]]\n";
  const struct {
    std::string kind;
    std::string keys;
    const char* refusal;
  } kCases[] = {
      {"opc", "", "kind"},
      {"mqtt", "", "host"},
      {"mqtt", broker, "topics"},
      {"mqtt", broker + kTopic + "tpic = 1\n", "tpic: unknown key"},
      {"mqtt", broker + "topics = [\"a/{machine}\"]\n", "a topic has no level {channel}"},
      {"mqtt", broker + "topics = [\"a/b#\"]\n", "must be a text, +"},
      {"mqtt", broker + kTopic + "password_file = \"p\"\n", "needs a user"},
      {"mqtt", broker + kTopic + "[source.tls]\nkey = \"k\"\n", "go together"},
      {"mqtt", broker + kTopic + "qos = 3\n", "qos"},
      {"mqtt", "host = \"b\"\nformat = \"raw\"\n" + std::string(kTopic), "rate_hz"},
      {"mqtt", broker + kTopic + "channels_in_payload = true\nchannel = \"c\"\n",
       "the payload names the channels"},
      {"modbus", "host = \"plc\"\nmachine = \"pump-1\"\n", "register"},
      {"modbus", modbus + "channel = \"c\"\naddress = 65535\ntype = \"float32\"\n", "address"},
      {"modbus", modbus + "channel = \"c\"\naddress = 1\n", "type"},
      {"modbus", modbus + "channel = \"c\"\naddress = 1\ntype = \"int16\"\nbit = 1\n", "bit"},
      {"modbus", modbus + "channel = \"c\"\naddress = 1\ntable = \"coil\"\ntype = \"int16\"\n",
       "single bits"},
      {"file", "machine = \"m\"\n", "path"},
      {"file", "path = \"p\"\n", "machine"},
      {"file", "path = \"p\"\nmachine = \"m\"\nmachine_column = \"c\"\n", "machine_column"},
      {"file", "path = \"p\"\nmachine = \"m\"\ntime = \"ms\"\n", "time_column"},
      {"file", "path = \"p\"\nmachine = \"m\"\nutc_offset = \"Z\"\n", "time_column"},
      {"file", "path = \"p\"\nmachine = \"m\"\ntime_column = \"t\"\nutc_offset = \"CET\"\n",
       "utc_offset"},
      {"recordings", "path = \"p\"\nmachine = \"m\"\npattern = \"a/*\"\n", "without /"},
      {"replay", "path = \"p\"\nmachine = \"m\"\nspeed = 0.0001\n", "speed"},
  };
  for (const auto& [kind, keys, refusal] : kCases) {
    EXPECT_THAT(Parse(SourceText(kind, keys)),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(refusal)))
        << kind << "\n"
        << keys;
  }
}

TEST(SourceConfigTest, NamesAreNeededAndDifferent) {
  const std::string file = "kind = \"file\"\npath = \"p\"\nmachine = \"m\"\n";
  EXPECT_THAT(Parse("[[source]]\n" + file),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("name")));
  EXPECT_THAT(Parse("[[source]]\nname = \"../a\"\n" + file),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("name")));
  EXPECT_THAT(Parse("[[source]]\nname = \"a\"\n" + file + "[[source]]\nname = \"a\"\n" + file),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("another source has it")));
}

TEST(SourceConfigTest, ASiteWithoutSourcesHasNone) {
  const auto configs = Parse("");
  MR_ASSERT_OK(configs);
  EXPECT_THAT(*configs, IsEmpty());
}

TEST(PlaintextWarningTest, WarnsOfWhatTravelsInTheClear) {
  MqttConfig mqtt;
  mqtt.host = "broker";
  mqtt.user = "edge";
  EXPECT_THAT(PlaintextWarning({"a", {}, mqtt}), HasSubstr("read the password"));
  mqtt.tls.on = true;
  EXPECT_THAT(PlaintextWarning({"a", {}, mqtt}), IsEmpty());
  mqtt.tls.on = false;
  mqtt.host = "127.0.0.1";
  EXPECT_THAT(PlaintextWarning({"a", {}, mqtt}), IsEmpty());
  ModbusConfig modbus;
  modbus.host = "plc";
  EXPECT_THAT(PlaintextWarning({"a", {}, modbus}), HasSubstr("knows no encryption"));
  EXPECT_THAT(PlaintextWarning({"a", {}, FileConfig()}), IsEmpty());
}

}  // namespace
}  // namespace millrace
