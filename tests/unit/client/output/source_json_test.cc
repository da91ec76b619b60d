// SPDX-License-Identifier: Apache-2.0
#include "client/output/source_json.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace millrace {
namespace {

using ::testing::SizeIs;

TEST(SourceJsonTest, TellsAllThatIsKnownOfASource) {
  SourceStatus status;
  status.state = SourceState::kStale;
  status.reason = "connected; all payloads refused: \xff";
  status.last_unix_ns = 1'700'000'000'500'000'000;
  status.messages = 12;
  status.samples = 7;
  status.refused = 5;
  status.last_refusal = "topic plant/pump-1/current: no JSON";
  status.reconnects = 2;
  status.unknown_values = 3;
  status.unknown_channels = {"pump-9/current"};
  const nlohmann::json told =
      nlohmann::json::parse(SourcesJson({{"line", status}, {"new", {}}}), nullptr, false);
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_EQ(told[0]["source"], "line");
  EXPECT_EQ(told[0]["state"], "stale");
  EXPECT_EQ(told[0]["reason"], "connected; all payloads refused: \xEF\xBF\xBD");
  EXPECT_EQ(told[0]["last"], "2023-11-14T22:13:20.500Z");
  EXPECT_EQ(told[0]["messages"], 12);
  EXPECT_EQ(told[0]["samples"], 7);
  EXPECT_EQ(told[0]["refused"], 5);
  EXPECT_EQ(told[0]["last_refusal"], "topic plant/pump-1/current: no JSON");
  EXPECT_EQ(told[0]["reconnects"], 2);
  EXPECT_EQ(told[0]["unknown_values"], 3);
  EXPECT_EQ(told[0]["unknown_channels"][0], "pump-9/current");
  EXPECT_FALSE(told[1].contains("last"));
  EXPECT_FALSE(told[1].contains("reason"));
  EXPECT_EQ(SourcesJson({}), "[]\n");
}

}  // namespace
}  // namespace millrace
