// SPDX-License-Identifier: Apache-2.0
// An output and a real broker.
#include "client/output/mqtt_output.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/testing/broker.h"
#include "tests/testing/eventually.h"
#include "tests/testing/subscriber.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using testing::Broker;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Eventually;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::JudgedMachines;
using testing::ManualLiveClock;
using ::testing::Not;
using testing::Subscriber;
using testing::VerdictOn;

constexpr char kVerdicts[] = "millrace/pump-1/verdict";

class MqttOutputTest : public ::testing::Test {
 protected:
  void StartBroker(const std::string& settings = "allow_anonymous true") {
    broker_ = std::make_unique<Broker>(folder_.path(), Broker::Options{settings});
    config_.broker.host = "127.0.0.1";
    config_.broker.port = broker_->port();
  }
  void Open() { output_ = std::make_unique<MqttOutput>("plant", config_, SystemLiveClock()); }
  bool AwaitUp(bool up = true) {
    return Eventually([&] { return output_->Status().up == up; });
  }
  void TakeVersions(int64_t first, int64_t last) {
    for (int64_t version = first; version <= last; ++version) {
      MachineVerdict verdict = VerdictOn("pump-1", Judgement::kNormal);
      verdict.version = version;
      output_->Take(verdict);
    }
  }
  static std::vector<int64_t> VersionsOf(const std::vector<std::string>& payloads) {
    std::vector<int64_t> versions;
    for (const std::string& payload : payloads) {
      versions.push_back(nlohmann::json::parse(payload)["version"]);
    }
    return versions;
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<Broker> broker_;
  MqttOutputConfig config_;
  std::unique_ptr<MqttOutput> output_;
};

class MqttOutputQosTest : public MqttOutputTest, public ::testing::WithParamInterface<int> {};

TEST_P(MqttOutputQosTest, PublishesVerdictsInTheirOrder) {
  StartBroker();
  config_.broker.qos = GetParam();
  const Subscriber plant(broker_->port(), "millrace/#");
  Open();
  ASSERT_TRUE(AwaitUp());
  MachineVerdict alarm = VerdictOn("pump-1", Judgement::kAlarm, 3);
  alarm.version = 0;
  output_->Take(alarm);
  TakeVersions(1, 100);
  ASSERT_TRUE(Eventually([&] { return plant.Heard(kVerdicts).size() == 101; }));
  std::vector<int64_t> expected(101);
  for (int i = 0; i <= 100; ++i) expected[i] = i;
  EXPECT_EQ(VersionsOf(plant.Heard(kVerdicts)), expected);
  const auto first = nlohmann::json::parse(plant.Heard(kVerdicts).front());
  EXPECT_EQ(first["verdict"], "alarm");
  EXPECT_EQ(first["shares"][0]["channel"], "current");
  EXPECT_EQ(output_->Status().told, 101);
}

INSTANTIATE_TEST_SUITE_P(Qos, MqttOutputQosTest, ::testing::Values(0, 1, 2));

TEST_F(MqttOutputTest, LastVerdictIsThereForWhoComesLater) {
  StartBroker();
  config_.broker.qos = 1;
  const Subscriber first(broker_->port(), kVerdicts);
  Open();
  TakeVersions(7, 7);
  ASSERT_TRUE(Eventually([&] { return !first.Heard().empty(); }));
  const Subscriber later(broker_->port(), kVerdicts);
  ASSERT_TRUE(Eventually([&] { return !later.Heard().empty(); }));
  EXPECT_TRUE(later.Heard()[0].retained);
}

TEST_F(MqttOutputTest, HeartbeatsOfLivingMachinesAreTold) {
  StartBroker();
  const Subscriber plant(broker_->port(), "millrace/+/heartbeat");
  Open();
  ASSERT_TRUE(AwaitUp());
  ManualLiveClock clock;
  VerdictBoard board({JudgedMachines({"pump-1", "pump-2"})}, HeartbeatConfig(), &clock);
  board.Post(VerdictOn("pump-1", Judgement::kNormal));
  ASSERT_TRUE(Eventually([&] {
    board.Beat(true);
    output_->Beat(board);
    return plant.Heard("millrace/pump-1/heartbeat").size() >= 2;
  }));
  EXPECT_THAT(plant.Heard("millrace/pump-1/heartbeat"), Contains(HasSubstr(R"("alive":true)")));
  EXPECT_THAT(plant.Heard("millrace/pump-2/heartbeat"), IsEmpty());
}

TEST_F(MqttOutputTest, BrokerThatIsKilledAndBackGetsWhatWaitedTheNewest) {
  StartBroker();
  config_.broker.qos = 1;
  config_.queue_verdicts = 10;
  Open();
  ASSERT_TRUE(AwaitUp());
  broker_->Kill();
  ASSERT_TRUE(AwaitUp(false));
  TakeVersions(1, 25);
  EXPECT_EQ(output_->Status().dropped, 15);
  broker_->Start();
  const Subscriber plant(broker_->port(), kVerdicts);
  EXPECT_TRUE(AwaitUp());
  const auto newest = [&] {
    const std::vector<int64_t> versions = VersionsOf(plant.Heard(kVerdicts));
    return !versions.empty() && versions.back() == 25;
  };
  EXPECT_TRUE(Eventually(newest));
  EXPECT_THAT(VersionsOf(plant.Heard(kVerdicts)), Not(Contains(15)));
  EXPECT_EQ(output_->Status().reconnects, 1);
}

TEST_F(MqttOutputTest, BrokerThatStandsStillHoldsNobodyUpAndTheQueueIsBounded) {
  StartBroker();
  config_.queue_verdicts = 100;
  config_.broker.qos = 1;
  Open();
  ASSERT_TRUE(AwaitUp());
  broker_->Pause();
  TakeVersions(1, 20'000);
  EXPECT_GE(output_->Status().dropped, 10'000);
  broker_->GoOn();
}

TEST_F(MqttOutputTest, BrokerThatHasNeverBeenThereHoldsNobodyUpEither) {
  StartBroker();
  broker_->Kill();
  config_.broker.qos = 1;
  config_.queue_verdicts = 10;
  Open();
  TakeVersions(1, 20'000);
  EXPECT_EQ(output_->Status().dropped, 19'990);
  EXPECT_EQ(output_->Status().told, 0);
  broker_->Start();
  const Subscriber plant(broker_->port(), kVerdicts);
  EXPECT_TRUE(Eventually([&] {
    const std::vector<int64_t> versions = VersionsOf(plant.Heard(kVerdicts));
    return !versions.empty() && versions.back() == 20'000;
  }));
}

TEST_F(MqttOutputTest, WhatWaitsForABrokerIsPublishedByTheOutputThatTakesOver) {
  StartBroker();
  broker_->Kill();
  config_.broker.qos = 1;
  Open();
  TakeVersions(1, 50);
  std::vector<Backlog::Message> waiting = output_->GiveUp();
  EXPECT_EQ(waiting.size(), 50);
  config_.queue_verdicts = 20;
  Open();
  output_->TakeOver(std::move(waiting));
  EXPECT_EQ(output_->Status().dropped, 30) << "it has less room";
  TakeVersions(51, 51);
  broker_->Start();
  const Subscriber plant(broker_->port(), kVerdicts);
  EXPECT_TRUE(Eventually([&] {
    const std::vector<int64_t> versions = VersionsOf(plant.Heard(kVerdicts));
    return !versions.empty() && versions.back() == 51;
  }));
  EXPECT_TRUE(Eventually([&] { return output_->Status().told == 20; }));
}

TEST_F(MqttOutputTest, FloodOfSeveralThreadsIsToldInEachOnesOrderOrCountedAsDropped) {
  constexpr int64_t kOfEach = 5000;
  const std::vector<std::string> machines = {"pump-1", "pump-2", "pump-3"};
  StartBroker("allow_anonymous true\nmax_queued_messages 0");
  config_.queue_verdicts = 100;
  const Subscriber plant(broker_->port(), "millrace/#");
  Open();
  ASSERT_TRUE(AwaitUp());
  std::vector<std::thread> scoring;
  for (const std::string& machine : machines) {
    scoring.emplace_back([this, &machine] {
      for (int64_t version = 1; version <= kOfEach; ++version) {
        MachineVerdict verdict = VerdictOn(machine, Judgement::kNormal);
        verdict.version = version;
        output_->Take(verdict);
      }
    });
  }
  for (std::thread& thread : scoring) thread.join();
  const auto all = static_cast<int64_t>(machines.size()) * kOfEach;
  ASSERT_TRUE(Eventually([&] {
    const OutputStatus status = output_->Status();
    return status.told + status.dropped == all;
  }));
  ASSERT_TRUE(Eventually([&] {
    int64_t heard = 0;
    for (const std::string& machine : machines) {
      heard += std::ssize(plant.Heard("millrace/" + machine + "/verdict"));
    }
    return heard == output_->Status().told;
  }));
  for (const std::string& machine : machines) {
    const std::vector<int64_t> versions =
        VersionsOf(plant.Heard("millrace/" + machine + "/verdict"));
    EXPECT_TRUE(std::ranges::is_sorted(versions));
  }
}

TEST_F(MqttOutputTest, AfterABrokerHasStoodStillOneLateBeatComesAtMost) {
  StartBroker();
  const Subscriber plant(broker_->port(), "millrace/+/heartbeat");
  Open();
  ASSERT_TRUE(AwaitUp());
  ManualLiveClock clock;
  HeartbeatConfig heartbeat;
  heartbeat.ignore_time = true;
  VerdictBoard board({JudgedMachines({"pump-1"})}, heartbeat, &clock);
  const auto beat = [&] {
    clock.now_ns += kNsPerS;
    board.Post(VerdictOn("pump-1", Judgement::kNormal));
    board.Beat(true);
    output_->Beat(board);
  };
  const auto newest = [&] {
    const std::vector<std::string> beats = plant.Heard("millrace/pump-1/heartbeat");
    return beats.empty() ? 0 : nlohmann::json::parse(beats.back())["heartbeat"].get<int>();
  };
  beat();
  ASSERT_TRUE(Eventually([&] { return newest() == 1; }));
  broker_->Kill();
  ASSERT_TRUE(AwaitUp(false));
  for (int i = 0; i < 500; ++i) beat();
  broker_->Start();
  ASSERT_TRUE(AwaitUp());
  const Subscriber back(broker_->port(), "millrace/+/heartbeat");
  ASSERT_TRUE(Eventually([&] {
    beat();
    return !back.Heard().empty();
  }));
  for (const Subscriber::Message& message : back.Heard()) {
    EXPECT_GE(nlohmann::json::parse(message.payload)["heartbeat"], 501) << "the last one alone";
  }
}

TEST_F(MqttOutputTest, StatusSaysOnlineAndWithTheEndOffline) {
  StartBroker();
  const Subscriber plant(broker_->port(), "millrace/status");
  Open();
  ASSERT_TRUE(Eventually([&] { return plant.Heard("millrace/status").size() == 1; }));
  output_ = nullptr;
  ASSERT_TRUE(Eventually([&] { return plant.Heard("millrace/status").size() == 2; }));
  EXPECT_THAT(plant.Heard("millrace/status"), ElementsAre("online", "offline"));
}

TEST_F(MqttOutputTest, ConnectionThatFailsIsNoGoodByeAndTheBrokerSaysOffline) {
  StartBroker();
  const Subscriber plant(broker_->port(), "millrace/status");
  Open();
  ASSERT_TRUE(Eventually([&] { return plant.Heard("millrace/status").size() == 1; }));
  output_->Take(VerdictOn("pump-\xff", Judgement::kNormal));  // no topic of MQTT's
  ASSERT_TRUE(Eventually([&] { return plant.Heard("millrace/status").size() >= 3; }));
  EXPECT_THAT(plant.Heard("millrace/status"), Contains("offline"));
}

TEST_F(MqttOutputTest, SaysThatTheBrokerRefusesItsPassword) {
  const std::string passwords = folder_.path() + "/passwords";
  ASSERT_EQ(std::system(("mosquitto_passwd -b -c " + passwords + " edge secret").c_str()), 0);
  StartBroker("allow_anonymous false\npassword_file " + passwords);
  config_.broker.user = "edge";
  config_.broker.password_file = folder_.path() + "/password";
  std::ofstream(config_.broker.password_file) << "wrong\n";
  Open();
  ASSERT_TRUE(
      Eventually([&] { return output_->Status().reason.find("refuses") != std::string::npos; }));
  std::ofstream(config_.broker.password_file) << "secret\n";
  EXPECT_TRUE(AwaitUp()) << "the file is read again with every connection";
}

}  // namespace
}  // namespace millrace
