// SPDX-License-Identifier: Apache-2.0
// What the plant simulator gives out is what a site's own sources read, over a real broker and real
// Modbus connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "client/live/file_source.h"
#include "client/live/modbus_source.h"
#include "client/live/mqtt_source.h"
#include "scripts/plant_simulator/broker_feed.h"
#include "scripts/plant_simulator/modbus_device.h"
#include "scripts/plant_simulator/table_feed.h"
#include "tests/testing/broker.h"
#include "tests/testing/source_rig.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::Broker;
using testing::Eventually;
using testing::IsStatus;
using testing::SourceRig;

constexpr int64_t kFirstRow = 1'767'225'600'000'000'000;
constexpr int64_t kPeriod = 100'000'000;
constexpr float kNothing = std::numeric_limits<float>::quiet_NaN();

class PlantFeedTest : public ::testing::Test {
 protected:
  PlantBlock Block(std::span<const float> rows) const {
    return {.index = 0,
            .machine = &machine_,
            .channels = &channels_,
            .time_ns = kFirstRow,
            .period_ns = kPeriod,
            .rows = rows};
  }
  /// Until the source's subscription is there, a message may be lost; so it is said again.
  bool AwaitBlock(PlantFeed& feed, const PlantBlock& block, size_t samples) {
    return Eventually([&] { return feed.Take(block).ok() && rig_.Taken().size() >= samples; });
  }
  void RunMqttSource(const MqttConfig& config) {
    rig_.Run(std::make_unique<MqttSource>("broker", config, std::vector<ChannelRename>(),
                                          rig_.context()));
  }
  MqttConfig SourceOf(const Broker& broker) const {
    MqttConfig config;
    config.host = "127.0.0.1";
    config.port = broker.port();
    config.topics = {"plant/{machine}"};
    config.timing = {10, BlockTime::kFirst};
    return config;
  }

  const std::string machine_ = "machine-1";
  const std::vector<std::string> channels_ = {"speed_rpm", "b1_temp"};
  SourceRig rig_{{"machine-1/speed_rpm", "machine-1/b1_temp"}};
};

TEST_F(PlantFeedTest, JsonMessagesAreReadBySourcesOfTheSite) {
  const Broker broker(rig_.folder(), {});
  MqttConfig config = SourceOf(broker);
  config.format = JsonFormat{.names_channels = true};
  RunMqttSource(config);
  MR_ASSERT_OK_AND_ASSIGN(const auto feed, BrokerFeed::Connect({.port = broker.port()}));
  const std::vector<float> row = {1500.5F, 61.25F};
  ASSERT_TRUE(AwaitBlock(*feed, Block(row), 2));
  EXPECT_EQ(rig_.Taken()[0].channel, 0);
  EXPECT_EQ(rig_.Taken()[0].value, 1500.5F);
  EXPECT_EQ(rig_.Taken()[0].time_ns, kFirstRow);
  EXPECT_EQ(rig_.Taken()[1].value, 61.25F);
}

TEST_F(PlantFeedTest, ASilentSensorIsLeftOutOfTheMessage) {
  const Broker broker(rig_.folder(), {});
  MqttConfig config = SourceOf(broker);
  config.format = JsonFormat{.names_channels = true};
  RunMqttSource(config);
  MR_ASSERT_OK_AND_ASSIGN(const auto feed, BrokerFeed::Connect({.port = broker.port()}));
  const std::vector<float> row = {kNothing, 61.25F};
  ASSERT_TRUE(AwaitBlock(*feed, Block(row), 1));
  EXPECT_EQ(rig_.Taken()[0].channel, 1);
}

TEST_F(PlantFeedTest, RawBlocksAreReadBySourcesOfTheSite) {
  const Broker broker(rig_.folder(), {});
  MqttConfig config = SourceOf(broker);
  config.format = RawFormat{.header = RawHeader::kUnixNs, .channels = channels_};
  RunMqttSource(config);
  MR_ASSERT_OK_AND_ASSIGN(
      const auto feed, BrokerFeed::Connect({.port = broker.port(), .format = BlockFormat::kRaw}));
  const std::vector<float> rows = {1, 2, 3, kNothing};
  ASSERT_TRUE(AwaitBlock(*feed, Block(rows), 4));
  std::vector<Sample> second;  // the second row's
  for (size_t i = 0; i < 4; ++i) {
    if (rig_.Taken()[i].time_ns == kFirstRow + kPeriod) second.push_back(rig_.Taken()[i]);
  }
  ASSERT_EQ(second.size(), 2u);
  EXPECT_EQ(second[0].value, 3);
  EXPECT_TRUE(std::isnan(second[1].value));
}

TEST_F(PlantFeedTest, BlocksOfAPlantWhoseBrokerIsAwayAreCounted) {
  Broker broker(rig_.folder(), {});
  MR_ASSERT_OK_AND_ASSIGN(const auto feed, BrokerFeed::Connect({.port = broker.port()}));
  broker.Kill();
  const std::vector<float> row = {1, 2};
  EXPECT_TRUE(Eventually([&] { return feed->Take(Block(row)).ok() && feed->lost() > 0; }));
  broker.Start();
  EXPECT_TRUE(Eventually([&] {
    const int64_t before = feed->lost();
    return feed->Take(Block(row)).ok() && feed->lost() == before;
  }));
}

TEST_F(PlantFeedTest, EachMachineIsAModbusUnitOfFloats) {
  MR_ASSERT_OK_AND_ASSIGN(const auto device, ModbusDevice::Listen(0, 2, channels_.size()));
  const std::vector<float> rows = {1, 2, 1500.5F, -3};
  MR_ASSERT_OK(device->Take(Block(rows)));
  ModbusConfig config;
  config.host = "127.0.0.1";
  config.port = device->port();
  config.unit = 1;
  config.machine = machine_;
  config.period_s = 0.02;
  for (size_t c = 0; c < channels_.size(); ++c) {
    RegisterPoint& point = config.points.emplace_back();
    point.channel = channels_[c];
    point.address = static_cast<int64_t>(2 * c);
    point.type = RegisterType::kFloat32;
  }
  rig_.Run(
      std::make_unique<ModbusSource>("plc", config, std::vector<ChannelRename>(), rig_.context()));
  ASSERT_TRUE(rig_.AwaitSamples(2));
  EXPECT_EQ(rig_.Taken()[0].value, 1500.5F);  // the newest row
  EXPECT_EQ(rig_.Taken()[1].value, -3);
}

TEST_F(PlantFeedTest, MoreMachinesThanModbusHasUnitsAreRefused) {
  EXPECT_THAT(ModbusDevice::Listen(0, 248, 1),
              IsStatus(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("247 units")));
}

TEST_F(PlantFeedTest, TablesGrowAsASourceFollowsThem) {
  TableFeed feed(rig_.folder(), PosixFileSystem());
  const std::vector<float> rows = {1500.5F, 61.25F, 1501, kNothing};
  MR_ASSERT_OK(feed.Take(Block(rows)));
  FileConfig config;
  config.path = rig_.folder() + "/machine-1.csv";
  config.rows.time_column = "time";
  config.rows.machine = machine_;
  config.from_beginning = true;
  config.poll_s = 0.02;
  rig_.Run(
      std::make_unique<FileSource>("table", config, std::vector<ChannelRename>(), rig_.context()));
  ASSERT_TRUE(rig_.AwaitSamples(3));
  EXPECT_EQ(rig_.Taken()[0].value, 1500.5F);
  EXPECT_NEAR(rig_.Taken()[0].time_ns, kFirstRow, 1000);
  EXPECT_NEAR(rig_.Taken()[2].time_ns, kFirstRow + kPeriod, 1000);
  MR_ASSERT_OK(feed.Take(Block(rows)));
  EXPECT_TRUE(rig_.AwaitSamples(6));
}

}  // namespace
}  // namespace millrace
