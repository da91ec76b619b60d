// SPDX-License-Identifier: Apache-2.0
#include "client/live/source_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/live/stream_channels.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;
using ::testing::SizeIs;

TEST(SourceRecordTest, IsLiveFromTheFirstSamplesOn) {
  SourceRecord record("line-1");
  EXPECT_EQ(record.Status().state, SourceState::kConnecting);
  record.Connected();
  record.Message();
  record.Delivered(3, 42);
  const SourceStatus status = record.Status();
  EXPECT_EQ(status.state, SourceState::kLive);
  EXPECT_EQ(status.messages, 1);
  EXPECT_EQ(status.samples, 3);
  EXPECT_EQ(status.last_unix_ns, 42);
  EXPECT_EQ(status.reconnects, 0);
}

TEST(SourceRecordTest, CountsConnectionsAfterTheFirst) {
  SourceRecord record("line-1");
  for (int i = 0; i < 3; ++i) record.Connected();
  EXPECT_EQ(record.Status().reconnects, 2);
}

TEST(SourceRecordTest, KeepsTheLastReasonOfARefusalFitForATerminal) {
  SourceRecord record("line-1");
  record.Refused("first");
  record.Refused("second\x1b[2J");
  EXPECT_EQ(record.Status().refused, 2);
  EXPECT_EQ(record.Status().last_refusal.find('\x1b'), std::string::npos);
}

TEST(SourceRecordTest, RemembersEachUnknownChannelOnceAndNotWithoutEnd) {
  SourceRecord record("line-1");
  record.Unknown("pump-1", "speed", 2);
  record.Unknown("pump-1", "speed", 3);
  EXPECT_EQ(record.Status().unknown_values, 5);
  EXPECT_THAT(record.Status().unknown_channels, ElementsAre("pump-1/speed"));
  for (int i = 0; i < 1000; ++i) record.Unknown("pump-1", std::to_string(i), 1);
  EXPECT_EQ(record.Status().unknown_values, 1005);
  EXPECT_THAT(record.Status().unknown_channels, SizeIs(SourceRecord::kMostUnknown));
}

TEST(StreamChannelsTest, FindsChannelsByMachineAndNameAndRenamesThoseOfThePlant) {
  const ChannelTable table({"pump-1/current", "pump-1/speed"});
  SourceRecord record("line-1");
  StreamChannels channels(&table, {{"PLC7/AI_3", "pump-1/speed"}}, &record);
  EXPECT_THAT(channels.Find("pump-1", "current", 1), Optional(0));
  EXPECT_THAT(channels.Find("PLC7", "AI_3", 1), Optional(1));
  EXPECT_EQ(record.Status().unknown_values, 0);
}

TEST(StreamChannelsTest, ReportsWhatTheSiteDoesNotKnow) {
  const ChannelTable table({"pump-1/current"});
  SourceRecord record("line-1");
  StreamChannels channels(&table, {}, &record);
  EXPECT_EQ(channels.Find("pump-2", "current", 4), std::nullopt);
  EXPECT_EQ(record.Status().unknown_values, 4);
  EXPECT_THAT(record.Status().unknown_channels, ElementsAre("pump-2/current"));
}

}  // namespace
}  // namespace millrace
