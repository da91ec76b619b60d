// SPDX-License-Identifier: Apache-2.0
// A source and a real broker.
#include "client/live/mqtt_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/broker.h"
#include "tests/testing/source_rig.h"
#include "tests/testing/test_federation.h"

namespace millrace {
namespace {

using ::millrace::testing::Broker;
using ::millrace::testing::Eventually;
using ::millrace::testing::Publisher;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kTime = 1767225600'000'000'000;  // 2026-01-01 00:00:00 UTC
constexpr char kTopic[] = "plant/pump-1/current";

class MqttSourceTest : public ::testing::Test {
 protected:
  void StartBroker(const std::string& settings = "allow_anonymous true") {
    broker_ = std::make_unique<Broker>(rig_.folder(), Broker::Options{settings});
  }
  MqttConfig Config() const {
    MqttConfig config;
    config.host = "127.0.0.1";
    config.port = broker_->port();
    config.topics = {"plant/{machine}/{channel}"};
    config.format = JsonFormat();
    return config;
  }
  void Run(const MqttConfig& config) {
    rig_.Run(
        std::make_unique<MqttSource>("line", config, std::vector<ChannelRename>(), rig_.context()));
  }
  /// Publishes until something of it is taken: nobody else knows when the subscription is there.
  bool PublishUntilTaken(Publisher& publisher, const std::string& payload) {
    const size_t before = rig_.Taken().size();
    return Eventually([&] {
      publisher.Publish(kTopic, payload);
      return rig_.Taken().size() > before;
    });
  }

  testing::SourceRig rig_{{"pump-1/current", "pump-1/speed"}};
  std::unique_ptr<Broker> broker_;
};

class MqttVersionTest : public MqttSourceTest, public ::testing::WithParamInterface<bool> {};

TEST_P(MqttVersionTest, TakesValuesByTheirTopicsAndReportsUnknownChannels) {
  StartBroker();
  MqttConfig config = Config();
  config.version_5 = GetParam();
  Run(config);
  Publisher publisher(broker_->port());
  ASSERT_TRUE(PublishUntilTaken(publisher, R"({"value": 1.5, "timestamp": 1767225600})"));
  EXPECT_THAT(rig_.Taken()[0], FieldsAre(kTime, 0, 1.5F));
  EXPECT_EQ(rig_.Status().state, SourceState::kLive);
  publisher.Publish("plant/pump-9/current", "1");
  EXPECT_TRUE(Eventually([&] { return rig_.Status().unknown_values == 1; }));
  EXPECT_THAT(rig_.Status().unknown_channels, ElementsAre("pump-9/current"));
}

INSTANTIATE_TEST_SUITE_P(Versions, MqttVersionTest, ::testing::Bool());

TEST_F(MqttSourceTest, TakesRawBlocks) {
  StartBroker();
  MqttConfig config = Config();
  config.format = RawFormat{.type = RawType::kInt16, .scale = 0.5};
  config.timing.rate_hz = 1000;
  Run(config);
  Publisher publisher(broker_->port());
  ASSERT_TRUE(PublishUntilTaken(publisher, std::string("\x02\x00\x04\x00", 4)));
  EXPECT_EQ(rig_.Taken()[0].value, 1);
  EXPECT_EQ(rig_.Taken()[1].value, 2);
  EXPECT_EQ(rig_.Taken()[1].time_ns - rig_.Taken()[0].time_ns, 1'000'000);
}

TEST_F(MqttSourceTest, GarbageIsCountedAndWhatFollowsTaken) {
  StartBroker();
  Run(Config());
  Publisher publisher(broker_->port());
  ASSERT_TRUE(PublishUntilTaken(publisher, "1"));
  publisher.Publish(kTopic, "{\"value\": ");
  publisher.Publish(kTopic, std::string("\xff\x00\x80", 3));
  ASSERT_TRUE(Eventually([&] { return rig_.Status().refused == 2; }));
  EXPECT_THAT(rig_.Status().last_refusal, HasSubstr("plant/pump-1/current"));
  EXPECT_TRUE(PublishUntilTaken(publisher, "2"));
}

TEST_F(MqttSourceTest, GarbageAloneDoesNotKeepASourceFresh) {
  StartBroker();
  MqttConfig config = Config();
  config.stale_s = 0.3;
  Run(config);
  Publisher publisher(broker_->port());
  ASSERT_TRUE(Eventually([&] {
    publisher.Publish(kTopic, "{\"value\": ");
    const SourceStatus status = rig_.Status();
    return status.state == SourceState::kStale &&
           absl::StrContains(status.reason, "connected; all payloads refused: topic plant/");
  }));
  EXPECT_TRUE(PublishUntilTaken(publisher, "2"));
  EXPECT_TRUE(rig_.AwaitState(SourceState::kLive));
}

TEST_F(MqttSourceTest, SaysFromTheFirstMessageOnWhyNothingIsTaken) {
  StartBroker();
  Run(Config());
  Publisher publisher(broker_->port());
  ASSERT_TRUE(Eventually([&] {
    publisher.Publish("plant/pump-9/current", "1");
    return !rig_.Status().reason.empty();
  }));
  EXPECT_EQ(rig_.Status().state, SourceState::kConnecting);
  EXPECT_THAT(rig_.Status().reason, HasSubstr("channels that the site knows"));
}

TEST_F(MqttSourceTest, AMessageOfAnotherCenturyIsRefused) {
  StartBroker();
  Run(Config());
  Publisher publisher(broker_->port());
  ASSERT_TRUE(PublishUntilTaken(publisher, "1"));
  publisher.Publish(kTopic, R"({"value": 5, "timestamp": 7200000000})");
  ASSERT_TRUE(Eventually([&] { return rig_.Status().refused == 1; }));
  EXPECT_THAT(rig_.Status().last_refusal, HasSubstr("2198-02-27"));
}

TEST_F(MqttSourceTest, ARetainedValueWithoutATimeIsNotTakenForANewOne) {
  StartBroker();
  Publisher publisher(broker_->port());
  publisher.Publish("plant/pump-1/speed", "100", /*retain=*/true);
  publisher.Publish(kTopic, R"({"value": 2, "timestamp": 1767225600})", /*retain=*/true);
  ASSERT_TRUE(publisher.AwaitTaken());
  Run(Config());
  ASSERT_TRUE(Eventually([&] { return rig_.Status().messages >= 2; }));
  ASSERT_TRUE(rig_.AwaitSamples(1));
  EXPECT_THAT(rig_.Taken(), Each(FieldsAre(kTime, 0, 2)));
}

TEST_F(MqttSourceTest, ABrokerThatIsKilledAndBackIsReadAgain) {
  StartBroker();
  Run(Config());
  {
    Publisher publisher(broker_->port());
    ASSERT_TRUE(PublishUntilTaken(publisher, "1"));
  }
  broker_->Kill();
  ASSERT_TRUE(rig_.AwaitState(SourceState::kFailed));
  broker_->Start();
  Publisher publisher(broker_->port());
  ASSERT_TRUE(PublishUntilTaken(publisher, "2"));
  EXPECT_EQ(rig_.Status().state, SourceState::kLive);
  EXPECT_GE(rig_.Status().reconnects, 1);
  EXPECT_THAT(rig_.Values(), Contains(2));
}

TEST_F(MqttSourceTest, ASubscriptionThatFallsSilentIsNoticed) {
  StartBroker();
  MqttConfig config = Config();
  config.stale_s = 0.3;
  Run(config);
  Publisher publisher(broker_->port());
  ASSERT_TRUE(PublishUntilTaken(publisher, "1"));
  broker_->Pause();
  ASSERT_TRUE(rig_.AwaitState(SourceState::kStale));
  EXPECT_THAT(rig_.Status().reason, HasSubstr("no message for more than 0.3 s"));
  broker_->GoOn();
  EXPECT_TRUE(PublishUntilTaken(publisher, "2"));
}

TEST_F(MqttSourceTest, ABrokerThatNeverAnswersDoesNotKeepItFromStopping) {
  StartBroker();
  broker_->Pause();
  Run(Config());
  rig_.Stop();
  broker_->GoOn();
  EXPECT_THAT(rig_.Taken(), IsEmpty());
}

TEST_F(MqttSourceTest, SaysThatTheBrokerRefusesItsPassword) {
  const std::string passwords = rig_.folder() + "/passwords";
  ASSERT_EQ(std::system(absl::StrCat("mosquitto_passwd -b -c ", passwords, " edge secret").c_str()),
            0);
  StartBroker("allow_anonymous false\npassword_file " + passwords);
  MqttConfig config = Config();
  config.user = "edge";
  config.password_file = rig_.folder() + "/password";
  config.stale_s = 0.2;  // what it turns to once it is connected
  std::ofstream(config.password_file) << "wrong\n";
  Run(config);
  ASSERT_TRUE(rig_.AwaitState(SourceState::kFailed));
  EXPECT_THAT(rig_.Status().reason, HasSubstr("the broker refuses"));
  std::ofstream(config.password_file) << "secret\n";
  EXPECT_TRUE(rig_.AwaitState(SourceState::kStale))
      << "the file is read again with every connection";
}

class MqttTlsTest : public MqttSourceTest {
 protected:
  std::string Write(const std::string& name, const std::string& text) const {
    const std::string path = rig_.folder() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  void StartTlsBroker() {
    const auto server = plant_.Issue(Role::kCoordinator, "broker");
    StartBroker(absl::StrCat("allow_anonymous true\ncafile ",
                             Write("ca.pem", plant_.authority_pem()), "\ncertfile ",
                             Write("broker.pem", server.certificate_pem), "\nkeyfile ",
                             Write("broker.key", server.key_pem), "\nrequire_certificate true"));
  }
  MqttConfig TlsConfig(const testing::TestFederation& authority) const {
    const auto client = plant_.Issue(Role::kSite, "press-7");
    MqttConfig config = Config();
    config.tls.on = true;
    config.tls.authority = Write("authority.pem", authority.authority_pem());
    config.tls.certificate = Write("client.pem", client.certificate_pem);
    config.tls.key = Write("client.key", client.key_pem);
    return config;
  }

  const testing::TestFederation plant_;
};

TEST_F(MqttTlsTest, ConnectsWithACertificateOfItsOwn) {
  StartTlsBroker();
  MqttConfig config = TlsConfig(plant_);
  config.stale_s = 0.2;  // what it turns to once it is connected
  Run(config);
  EXPECT_TRUE(rig_.AwaitState(SourceState::kStale)) << rig_.Status().reason;
}

TEST_F(MqttTlsTest, RefusesABrokerOfAnotherAuthority) {
  StartTlsBroker();
  Run(TlsConfig(testing::TestFederation()));
  ASSERT_TRUE(rig_.AwaitState(SourceState::kFailed));
  EXPECT_THAT(rig_.Status().reason, HasSubstr("certificate verify failed"));
  EXPECT_EQ(rig_.Status().reconnects, 0);
}

TEST_F(MqttTlsTest, SaysThatAFileCannotBeRead) {
  StartTlsBroker();
  MqttConfig config = TlsConfig(plant_);
  config.tls.key = rig_.folder() + "/none.key";
  Run(config);
  ASSERT_TRUE(rig_.AwaitState(SourceState::kFailed));
  EXPECT_THAT(rig_.Status().reason, HasSubstr("none.key"));
}

TEST_F(MqttSourceTest, AsksASparkplugNodeForItsRebirthAndReadsItsData) {
  StartBroker();
  MqttConfig config = Config();
  config.format = SparkplugFormat();
  config.topics = {"spBv1.0/#"};
  Run(config);
  Publisher node(broker_->port());
  node.Listen("spBv1.0/plant/NCMD/edge-1");
  internal::SparkplugPayload data;
  data.set_seq(1);
  ASSERT_TRUE(Eventually([&] {
    node.Publish("spBv1.0/plant/NDATA/edge-1", data.SerializeAsString());
    return node.Heard();
  }));
  internal::SparkplugPayload birth;
  birth.set_seq(0);
  node.Publish("spBv1.0/plant/NBIRTH/edge-1", birth.SerializeAsString());
  internal::SparkplugMetric& current = *birth.add_metrics();
  current.set_name("current");
  current.set_alias(4);
  current.set_datatype(9);
  current.set_float_value(1.5F);
  birth.set_timestamp(1767225600'000);
  birth.set_seq(1);
  node.Publish("spBv1.0/plant/DBIRTH/edge-1/pump-1", birth.SerializeAsString());
  ASSERT_TRUE(rig_.AwaitSamples(1));
  EXPECT_THAT(rig_.Taken(), ElementsAre(FieldsAre(kTime, 0, 1.5F)));
  node.Publish("spBv1.0/plant/NDEATH/edge-1", "");
  EXPECT_TRUE(rig_.AwaitState(SourceState::kStale));
}

}  // namespace
}  // namespace millrace
