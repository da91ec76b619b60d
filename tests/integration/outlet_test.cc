// SPDX-License-Identifier: Apache-2.0
// Outputs that come and go while the rest goes on, with a real broker and a real client of Modbus.
#include "client/output/outlet.h"

#include <gmock/gmock.h>
#include <modbus/modbus.h>

#include "client/output/modbus_output.h"
#include "tests/testing/broker.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/subscriber.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using testing::Broker;
using ::testing::ElementsAre;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::JudgedMachines;
using ::testing::SizeIs;
using testing::Subscriber;
using testing::VerdictOn;

class OutletChangeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MR_ASSERT_OK_AND_ASSIGN(
        outlet_, Outlet::Create(machines_, HeartbeatConfig(), {}, &scoring_, SystemLiveClock()));
    outlet_->Start();
  }
  OutputConfig MqttOutputAt(const std::string& name, const std::string& topics) const {
    MqttOutputConfig config;
    config.broker.host = "127.0.0.1";
    config.broker.port = broker_.port();
    config.broker.qos = 1;
    config.verdict_topic = topics + "/{machine}/verdict";
    config.heartbeat_topic = topics + "/{machine}/heartbeat";
    config.status_topic = topics + "/status";
    return {name, config};
  }
  static OutputConfig ModbusOutputAt(int64_t port, const std::vector<std::string>& machines) {
    ModbusOutputConfig config;
    config.port = port;
    config.machines = machines;
    return {"plc", config};
  }
  bool AwaitUp(const std::string& name) {
    return Eventually([&] {
      const auto statuses = outlet_->Statuses();
      return statuses.contains(name) && statuses.at(name).up;
    });
  }
  /// Takes verdicts until somebody has heard one.
  bool TellUntil(const Subscriber& plant, const std::string& topic) {
    return Eventually([&] {
      outlet_->Take(VerdictOn("pump-1", Judgement::kNormal));
      return !plant.Heard(topic).empty();
    });
  }

  const std::vector<MachineConfig> machines_ = {JudgedMachines({"pump-1", "pump-2"})};
  testing::TemporaryFolder folder_;
  Broker broker_{folder_.path(), {}};
  Heartbeat scoring_;
  std::unique_ptr<Outlet> outlet_;
};

TEST_F(OutletChangeTest, NewOutputTellsAndOneThatGoesSaysGoodByeWhileOthersGoOn) {
  const OutputConfig stays = MqttOutputAt("stays", "a");
  MR_ASSERT_OK(outlet_->UseOutputs({stays, MqttOutputAt("goes", "b")}));
  const Subscriber plant(broker_.port(), "#");
  ASSERT_TRUE(AwaitUp("stays"));
  ASSERT_TRUE(TellUntil(plant, "b/pump-1/verdict"));

  MR_ASSERT_OK(outlet_->UseOutputs({stays, MqttOutputAt("comes", "c")}));
  ASSERT_TRUE(Eventually([&] { return plant.Heard("b/status").size() == 2; }));
  EXPECT_THAT(plant.Heard("b/status"), ElementsAre("online", "offline"));
  ASSERT_TRUE(TellUntil(plant, "c/pump-1/verdict"));
  EXPECT_THAT(plant.Heard("a/status"), ElementsAre("online")) << "it was never away";
  EXPECT_EQ(outlet_->Statuses().at("stays").reconnects, 0);
  EXPECT_THAT(outlet_->Statuses(), SizeIs(2));

  const Subscriber later(broker_.port(), "b/status");
  ASSERT_TRUE(Eventually([&] { return !later.Heard().empty(); }));
  EXPECT_EQ(later.Heard()[0].payload, "offline") << "for who comes later, too";
  EXPECT_TRUE(later.Heard()[0].retained);
}

TEST_F(OutletChangeTest, OutputThatIsChangedSaysOfflineBeforeItsSuccessorSaysOnline) {
  OutputConfig output = MqttOutputAt("plant", "a");
  MR_ASSERT_OK(outlet_->UseOutputs({output}));
  const Subscriber plant(broker_.port(), "a/status");
  ASSERT_TRUE(AwaitUp("plant"));
  std::get<MqttOutputConfig>(output.kind).queue_verdicts = 5;
  MR_ASSERT_OK(outlet_->UseOutputs({output}));
  ASSERT_TRUE(Eventually([&] { return plant.Heard("a/status").size() == 3; }));
  EXPECT_THAT(plant.Heard("a/status"), ElementsAre("online", "offline", "online"));
}

TEST_F(OutletChangeTest, ChangeThatIsNotPossibleIsRefusedAndThoseBeforeGoOn) {
  const OutputConfig plant_output = MqttOutputAt("plant", "a");
  MR_ASSERT_OK(outlet_->UseOutputs({plant_output}));
  const Subscriber plant(broker_.port(), "#");
  ASSERT_TRUE(TellUntil(plant, "a/pump-1/verdict"));

  EXPECT_THAT(outlet_->UseOutputs({plant_output, ModbusOutputAt(broker_.port(), {"pump-1"})}),
              IsStatus(absl::StatusCode::kUnavailable, HasSubstr("[[output]] plc: listen")));
  EXPECT_THAT(outlet_->UseOutputs({plant_output, ModbusOutputAt(0, {"pump-1", "pump-9"})}),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("machine 'pump-9' is not watched")));
  const size_t heard = plant.Heard("a/pump-1/verdict").size();
  EXPECT_TRUE(Eventually([&] {
    outlet_->Take(VerdictOn("pump-1", Judgement::kNormal));
    return plant.Heard("a/pump-1/verdict").size() > heard;
  }));
  EXPECT_THAT(plant.Heard("a/status"), ElementsAre("online"));
}

TEST_F(OutletChangeTest, RegistersOfANewOutputAreWhatTheBoardSaysFromTheFirstReadOn) {
  outlet_->Take(VerdictOn("pump-2", Judgement::kAlarm, 3.5));
  int port = 0;
  {
    // A free one, which is asked for by its number.
    MR_ASSERT_OK_AND_ASSIGN(
        const auto probe,
        ModbusOutput::Listen(std::get<ModbusOutputConfig>(ModbusOutputAt(0, {"pump-1"}).kind),
                             machines_, SystemLiveClock()));
    port = probe->port();
  }
  MR_ASSERT_OK(outlet_->UseOutputs({ModbusOutputAt(port, {"pump-2"})}));
  const std::unique_ptr<modbus_t, decltype(&modbus_free)> plc(modbus_new_tcp("127.0.0.1", port),
                                                              modbus_free);
  modbus_set_response_timeout(plc.get(), 60, 0);
  ASSERT_EQ(modbus_connect(plc.get()), 0);
  uint16_t state = 0;
  ASSERT_EQ(modbus_read_registers(plc.get(), 17, 1, &state), 1);
  EXPECT_EQ(state, 3);
  modbus_close(plc.get());
}

}  // namespace
}  // namespace millrace
