// SPDX-License-Identifier: Apache-2.0
// A source and a real device, by libmodbus.
#include "client/live/modbus_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "tests/testing/modbus_server.h"
#include "tests/testing/source_rig.h"

namespace millrace {
namespace {

using ::millrace::testing::Eventually;
using ::testing::Contains;
using ::testing::HasSubstr;

class ModbusSourceTest : public ::testing::Test {
 protected:
  ModbusSourceTest() {
    config_.host = "127.0.0.1";
    config_.port = server_.port();
    config_.machine = "pump-1";
    config_.period_s = 0.02;
    config_.timeout_s = 0.2;
  }

  RegisterPoint& Add(const std::string& channel, RegisterTable table, int64_t address,
                     RegisterType type) {
    RegisterPoint& point = config_.points.emplace_back();
    point.channel = channel;
    point.table = table;
    point.address = address;
    point.type = type;
    return point;
  }
  void Run() {
    rig_.Run(std::make_unique<ModbusSource>("plc", config_, std::vector<ChannelRename>(),
                                            rig_.context()));
  }
  /// The newest value of the channel; none so far: 0.
  float Newest(ChannelIndex channel) {
    float value = 0;
    for (const Sample& sample : rig_.Taken()) {
      if (sample.channel == channel) value = sample.value;
    }
    return value;
  }
  bool AwaitNewest(ChannelIndex channel, float value) {
    return Eventually([&] { return Newest(channel) == value; });
  }
  bool AwaitBad(ChannelIndex channel) {
    return Eventually([&] { return std::isnan(Newest(channel)); });
  }

  testing::SourceRig rig_{{"pump-1/a", "pump-1/b", "pump-1/c", "pump-1/d"}};
  testing::ModbusServer server_;
  ModbusConfig config_;
};

TEST_F(ModbusSourceTest, ReadsAllFourTables) {
  Add("a", RegisterTable::kHolding, 10, RegisterType::kInt16).scale = 0.1;
  Add("b", RegisterTable::kInput, 20, RegisterType::kFloat32);
  Add("c", RegisterTable::kCoil, 3, RegisterType::kBit);
  Add("d", RegisterTable::kDiscrete, 5, RegisterType::kBit);
  server_.SetHolding(10, static_cast<uint16_t>(-215));
  server_.SetInput(20, 0x3fc0);
  server_.SetCoil(3, true);
  server_.SetDiscrete(5, true);
  Run();
  EXPECT_TRUE(AwaitNewest(0, -21.5F));
  EXPECT_TRUE(AwaitNewest(1, 1.5F));
  EXPECT_TRUE(AwaitNewest(2, 1));
  EXPECT_TRUE(AwaitNewest(3, 1));
  server_.SetHolding(10, 100);
  EXPECT_TRUE(AwaitNewest(0, 10)) << "once a period";
}

TEST_F(ModbusSourceTest, ARegisterThatTheDeviceDoesNotHaveIsBadAndItsNeighbourIsNot) {
  Add("a", RegisterTable::kHolding, 99, RegisterType::kUint16);
  Add("b", RegisterTable::kHolding, 100, RegisterType::kUint16);
  server_.SetHolding(99, 7);
  Run();
  EXPECT_TRUE(AwaitBad(1));
  EXPECT_TRUE(AwaitNewest(0, 7));
  EXPECT_GE(rig_.Status().refused, 1);
  EXPECT_THAT(rig_.Status().last_refusal, HasSubstr("address 100"));
  EXPECT_EQ(rig_.Status().state, SourceState::kLive);
  for (const Sample& sample : rig_.Taken()) {
    if (sample.channel != 0) continue;
    EXPECT_EQ(sample.value, 7) << "from the first poll on";
  }
}

TEST_F(ModbusSourceTest, NeighboursTakeOneRequestAgainOnceTheDeviceHasThemAndIsBack) {
  Add("a", RegisterTable::kHolding, 0, RegisterType::kUint16);
  Add("b", RegisterTable::kHolding, 1, RegisterType::kUint16);
  Add("c", RegisterTable::kHolding, 2, RegisterType::kUint16);
  server_.SetHoldingCount(2);
  Run();
  ASSERT_TRUE(AwaitBad(2));
  server_.Stop();
  ASSERT_TRUE(rig_.AwaitState(SourceState::kFailed));
  server_.SetHoldingCount(testing::ModbusServer::kCount);
  server_.Start();
  const int64_t polls_before = rig_.Status().messages;
  const int64_t answers_before = server_.answers();
  ASSERT_TRUE(rig_.AwaitSamples(rig_.Taken().size() + 90));
  const int64_t polls = rig_.Status().messages - polls_before;
  rig_.Stop();
  EXPECT_LT(server_.answers() - answers_before, 2 * polls);
}

TEST_F(ModbusSourceTest, ADeviceThatIsGoneAndBackIsReadAgain) {
  Add("a", RegisterTable::kHolding, 0, RegisterType::kUint16);
  server_.SetHolding(0, 1);
  Run();
  ASSERT_TRUE(AwaitNewest(0, 1));
  server_.Stop();
  ASSERT_TRUE(rig_.AwaitState(SourceState::kFailed));
  server_.SetHolding(0, 2);
  server_.Start();
  EXPECT_TRUE(AwaitNewest(0, 2));
  EXPECT_GE(rig_.Status().reconnects, 1);
}

TEST_F(ModbusSourceTest, ADeviceThatDoesNotAnswerIsAFailureAndReadAgainWhenItDoes) {
  Add("a", RegisterTable::kHolding, 0, RegisterType::kUint16);
  server_.SetHolding(0, 1);
  Run();
  ASSERT_TRUE(AwaitNewest(0, 1));
  server_.SetSilent(true);
  ASSERT_TRUE(rig_.AwaitState(SourceState::kFailed));
  EXPECT_THAT(rig_.Status().reason, HasSubstr("address 0"));
  server_.SetHolding(0, 2);
  server_.SetSilent(false);
  EXPECT_TRUE(AwaitNewest(0, 2));
}

TEST_F(ModbusSourceTest, ADeviceThatNeverAnswersDoesNotKeepItFromStopping) {
  Add("a", RegisterTable::kHolding, 0, RegisterType::kUint16);
  config_.timeout_s = 1800;
  server_.SetSilent(true);
  Run();
  ASSERT_TRUE(Eventually([&] { return rig_.Status().messages == 1; }));
  rig_.Stop();
  EXPECT_TRUE(rig_.Taken().empty());
}

TEST_F(ModbusSourceTest, NeighboursTakeOneRequest) {
  Add("a", RegisterTable::kHolding, 0, RegisterType::kUint16);
  Add("b", RegisterTable::kHolding, 1, RegisterType::kFloat32);
  Add("c", RegisterTable::kHolding, 3, RegisterType::kUint16);
  Run();
  ASSERT_TRUE(rig_.AwaitSamples(90));
  const int64_t polls = rig_.Status().messages;
  rig_.Stop();
  // Not exactly as many: it goes on until it has stopped.
  EXPECT_LT(server_.answers(), 2 * polls);
}

TEST_F(ModbusSourceTest, RegistersOfUnknownChannelsAreReported) {
  Add("z", RegisterTable::kHolding, 0, RegisterType::kUint16);
  Run();
  EXPECT_THAT(rig_.Status().unknown_channels, Contains("pump-1/z"));
}

}  // namespace
}  // namespace millrace
