// SPDX-License-Identifier: Apache-2.0
#include "client/live/sparkplug_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/live/live_clock.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsNan;

constexpr uint32_t kInt16 = 2;
constexpr uint32_t kFloat = 9;
constexpr uint32_t kString = 12;
constexpr int64_t kNow = 1767225600'000'000'000;
constexpr uint64_t kStampMs = 1767225599'000;
constexpr int64_t kStamp = 1767225599'000'000'000;

class Message {
 public:
  explicit Message(uint64_t sequence) {
    message_.set_timestamp(kStampMs);
    message_.set_seq(sequence);
  }
  internal::SparkplugMetric& Add(const std::string& name, uint64_t alias) {
    internal::SparkplugMetric& metric = *message_.add_metrics();
    if (!name.empty()) metric.set_name(name);
    if (alias > 0) metric.set_alias(alias);
    return metric;
  }
  Message& Float(const std::string& name, uint64_t alias, float value) {
    internal::SparkplugMetric& metric = Add(name, alias);
    metric.set_datatype(kFloat);
    metric.set_float_value(value);
    return *this;
  }
  Message& BirthDeath(uint64_t number) {
    Add("bdSeq", 0).set_long_value(number);
    return *this;
  }
  std::string Bytes() const { return message_.SerializeAsString(); }

 private:
  internal::SparkplugPayload message_;
};

class SparkplugDecoderTest : public ::testing::Test {
 protected:
  SparkplugDecoder::Result Take(const std::string& topic, const std::string& payload) {
    auto result = decoder_.Take("spBv1.0/plant/" + topic, payload, kNow, monotonic_ns_);
    MR_EXPECT_OK(result);
    return *std::move(result);
  }
  void BearPump() {
    Take("NBIRTH/edge-1", Message(0).BirthDeath(5).Bytes());
    Take("DBIRTH/edge-1/pump-1", Message(1).Float("current", 7, 1).Float("speed", 8, 2).Bytes());
  }

  const ChannelTable table_{{"pump-1/current", "pump-1/speed", "edge-1/load"}};
  SourceRecord record_{"line-1"};
  StreamChannels channels_{&table_, {}, &record_};
  SparkplugDecoder decoder_{&channels_};
  int64_t monotonic_ns_ = 100 * kNsPerS;
};

TEST_F(SparkplugDecoderTest, ABirthBindsAliasesAndTellsTheFirstValues) {
  Take("NBIRTH/edge-1", Message(0).Bytes());
  const auto birth = Take("DBIRTH/edge-1/pump-1", Message(1).Float("current", 7, 1.5).Bytes());
  EXPECT_THAT(birth.samples, ElementsAre(FieldsAre(kStamp, 0, 1.5F)));
  const auto data = Take("DDATA/edge-1/pump-1", Message(2).Float("", 7, 2.5).Bytes());
  EXPECT_THAT(data.samples, ElementsAre(FieldsAre(kStamp, 0, 2.5F)));
  EXPECT_THAT(data.rebirth_topic, IsEmpty());
}

TEST_F(SparkplugDecoderTest, AMetricOfTheNodeItselfIsCalledByTheNode) {
  const auto birth = Take("NBIRTH/edge-1", Message(0).Float("load", 0, 3).Bytes());
  EXPECT_THAT(birth.samples, ElementsAre(FieldsAre(kStamp, 2, 3)));
  const auto data = Take("NDATA/edge-1", Message(1).Float("load", 0, 4).Bytes());
  EXPECT_THAT(data.samples, ElementsAre(FieldsAre(kStamp, 2, 4)));
}

TEST_F(SparkplugDecoderTest, AMetricsOwnTimeComesFirstAndNullIsBad) {
  BearPump();
  Message message(2);
  auto& null = message.Add("", 7);
  null.set_is_null(true);
  null.set_timestamp(kStampMs + 500);
  const auto data = Take("DDATA/edge-1/pump-1", message.Bytes());
  EXPECT_THAT(data.samples, ElementsAre(FieldsAre(kStamp + 500'000'000, 0, IsNan())));
}

TEST_F(SparkplugDecoderTest, SignedIntegersComeInTwosComplement) {
  Take("NBIRTH/edge-1", Message(0).Bytes());
  Message birth(1);
  auto& current = birth.Add("current", 7);
  current.set_datatype(kInt16);
  current.set_int_value(0xfffe);
  EXPECT_THAT(Take("DBIRTH/edge-1/pump-1", birth.Bytes()).samples,
              ElementsAre(FieldsAre(kStamp, 0, -2)));
  Message data(2);
  data.Add("", 7).set_int_value(0xfffd);
  EXPECT_THAT(Take("DDATA/edge-1/pump-1", data.Bytes()).samples,
              ElementsAre(FieldsAre(kStamp, 0, -3)));
}

TEST_F(SparkplugDecoderTest, TextsAreNoChannelsAndNoReasonForARebirth) {
  Take("NBIRTH/edge-1", Message(0).Bytes());
  Message birth(1);
  birth.Add("serial", 9).set_datatype(kString);
  Take("DBIRTH/edge-1/pump-1", birth.Bytes());
  Message data(2);
  data.Add("", 9);
  EXPECT_THAT(Take("DDATA/edge-1/pump-1", data.Bytes()).rebirth_topic, IsEmpty());
  EXPECT_EQ(record_.Status().unknown_values, 0);
}

TEST_F(SparkplugDecoderTest, DataBeforeABirthMakeItAskForOneAndNotAgainAtOnce) {
  const auto first = Take("NDATA/edge-1", Message(4).Float("load", 0, 3).Bytes());
  EXPECT_THAT(first.samples, IsEmpty());
  EXPECT_EQ(first.rebirth_topic, "spBv1.0/plant/NCMD/edge-1");
  monotonic_ns_ += kNsPerS;
  EXPECT_THAT(Take("NDATA/edge-1", Message(5).Bytes()).rebirth_topic, IsEmpty());
  monotonic_ns_ += 10 * kNsPerS;
  EXPECT_EQ(Take("NDATA/edge-1", Message(6).Bytes()).rebirth_topic, "spBv1.0/plant/NCMD/edge-1");
}

TEST_F(SparkplugDecoderTest, AnAliasThatNoBirthHasBoundMakesItAskForOne) {
  BearPump();
  const auto data = Take("DDATA/edge-1/pump-1", Message(2).Float("", 99, 3).Bytes());
  EXPECT_EQ(data.rebirth_topic, "spBv1.0/plant/NCMD/edge-1");
}

TEST_F(SparkplugDecoderTest, AMissingMessageIsNoticedAndTheValuesStillTaken) {
  BearPump();
  EXPECT_THAT(Take("DDATA/edge-1/pump-1", Message(2).Float("", 7, 3).Bytes()).event, IsEmpty());
  const auto data = Take("DDATA/edge-1/pump-1", Message(4).Float("", 7, 3).Bytes());
  EXPECT_THAT(data.event, HasSubstr("messages are missing"));
  EXPECT_EQ(data.samples.size(), 1u);
}

TEST_F(SparkplugDecoderTest, SequenceNumbersBeginAgainAfter255) {
  Take("NBIRTH/edge-1", Message(255).Bytes());
  EXPECT_THAT(Take("NDATA/edge-1", Message(0).Bytes()).event, IsEmpty());
}

TEST_F(SparkplugDecoderTest, TheChannelsOfADeviceThatDiesAreBadUntilItIsBornAgain) {
  BearPump();
  const auto death = Take("DDEATH/edge-1/pump-1", Message(2).Bytes());
  EXPECT_THAT(death.samples, ::testing::UnorderedElementsAre(FieldsAre(kNow, 0, IsNan()),
                                                             FieldsAre(kNow, 1, IsNan())));
  EXPECT_THAT(Take("DDATA/edge-1/pump-1", Message(3).Float("", 7, 3).Bytes()).samples, IsEmpty());
  Take("DBIRTH/edge-1/pump-1", Message(4).Float("current", 7, 1).Bytes());
  EXPECT_EQ(Take("DDATA/edge-1/pump-1", Message(5).Float("", 7, 3).Bytes()).samples.size(), 1u);
}

TEST_F(SparkplugDecoderTest, ANodesDeathTakesItsDevicesWithIt) {
  BearPump();
  EXPECT_FALSE(decoder_.AllDead());
  EXPECT_EQ(Take("NDEATH/edge-1", Message(0).BirthDeath(5).Bytes()).samples.size(), 2u);
  EXPECT_TRUE(decoder_.AllDead());
}

TEST_F(SparkplugDecoderTest, TheWillOfAnEarlierConnectionKillsNobody) {
  BearPump();
  EXPECT_THAT(Take("NDEATH/edge-1", Message(0).BirthDeath(4).Bytes()).samples, IsEmpty());
  EXPECT_FALSE(decoder_.AllDead());
}

TEST_F(SparkplugDecoderTest, OtherTopicsAreLeftAlone) {
  for (const char* const topic : {"spBv1.0/STATE/host", "spBv1.0/plant/NCMD/edge-1", "plant/a",
                                  "spBv1.0/plant/DDATA/edge-1", "spBv1.0/a/NDATA/b/c"}) {
    const auto result = decoder_.Take(topic, "\xff\xff", kNow, 0);
    MR_ASSERT_OK(result);
    EXPECT_THAT(result->samples, IsEmpty());
    EXPECT_THAT(result->rebirth_topic, IsEmpty());
  }
}

TEST_F(SparkplugDecoderTest, RefusesWhatIsNoPayload) {
  EXPECT_THAT(decoder_.Take("spBv1.0/plant/NDATA/edge-1", "\xff\xff", kNow, 0),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("not a Sparkplug B payload")));
  EXPECT_THAT(decoder_.Take("spBv1.0/plant/NDATA/edge-1", Message(256).Bytes(), kNow, 0),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("sequence number 256")));
}

TEST_F(SparkplugDecoderTest, NameThatIsBornTwiceHasItsFirstAliasAlone) {
  Take("NBIRTH/edge-1", Message(0).BirthDeath(5).Bytes());
  Take("DBIRTH/edge-1/pump-1",
       Message(1).Float("current", 7, 1).Float("current", 8, 2).Float("current", 9, 3).Bytes());
  EXPECT_THAT(Take("DDATA/edge-1/pump-1", Message(2).Float("", 7, 4).Bytes()).rebirth_topic,
              IsEmpty());
  EXPECT_FALSE(
      Take("DDATA/edge-1/pump-1", Message(3).Float("", 9, 4).Bytes()).rebirth_topic.empty());
}

TEST_F(SparkplugDecoderTest, MoreNodesThanAPlantHasAreRefused) {
  absl::Status status;
  for (int i = 0; i < 2000 && status.ok(); ++i) {
    status = decoder_.Take("spBv1.0/plant/NBIRTH/" + std::to_string(i), Message(0).Bytes(), kNow, 0)
                 .status();
  }
  EXPECT_THAT(status, IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("edge nodes")));
}

TEST(SparkplugRebirthTest, TheCommandIsTheOneThatTheSpecificationHas) {
  internal::SparkplugPayload command;
  ASSERT_TRUE(command.ParseFromString(SparkplugRebirthCommand(kNow)));
  ASSERT_EQ(command.metrics_size(), 1);
  EXPECT_EQ(command.metrics(0).name(), "Node Control/Rebirth");
  EXPECT_TRUE(command.metrics(0).boolean_value());
  EXPECT_EQ(command.timestamp(), 1767225600'000u);
}

}  // namespace
}  // namespace millrace
