// SPDX-License-Identifier: Apache-2.0
// Payloads of numbers: JSON and raw, and the times of their values.
#include "client/live/payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>

#include "client/live/batch_builder.h"
#include "client/live/json_payload.h"
#include "client/live/raw_payload.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::NanSensitiveFloatEq;
using ::testing::Optional;
using ::testing::SizeIs;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t kGivenTime = 1767225600'000'000'000;  // 2026-01-01 00:00:00 UTC

const JsonFormat kOneChannel{};
const JsonFormat kNamed{.names_channels = true};

Payload Read(const JsonFormat& format, const std::string& text) {
  Payload payload;
  MR_EXPECT_OK(ReadJsonPayload(format, text, &payload)) << text;
  return payload;
}

absl::Status Refusal(const JsonFormat& format, const std::string& text) {
  Payload payload;
  return ReadJsonPayload(format, text, &payload);
}

TEST(JsonPayloadTest, TakesABareNumber) {
  const Payload payload = Read(kOneChannel, " 21.5\n");
  EXPECT_THAT(payload.values, ElementsAre(21.5F));
  ASSERT_THAT(payload.blocks, SizeIs(1));
  EXPECT_EQ(payload.blocks[0].time_ns, std::nullopt);
  EXPECT_EQ(payload.blocks[0].count, 1u);
}

TEST(JsonPayloadTest, TakesTruthValuesTextsOfNumbersAndWhatIsBad) {
  EXPECT_THAT(Read(kOneChannel, "true").values, ElementsAre(1));
  EXPECT_THAT(Read(kOneChannel, R"("21.5")").values, ElementsAre(21.5F));
  for (const char* const bad : {"null", "NaN", "1e300", R"("nan")", R"({"value": null})"}) {
    EXPECT_THAT(Read(kOneChannel, bad).values, ElementsAre(NanSensitiveFloatEq(kNan))) << bad;
  }
}

TEST(JsonPayloadTest, TakesAnArrayAsOneBlock) {
  const Payload payload = Read(kOneChannel, "[1, 2.5, null, -4]");
  EXPECT_THAT(payload.values, ElementsAre(1, 2.5F, NanSensitiveFloatEq(kNan), -4));
  ASSERT_THAT(payload.blocks, SizeIs(1));
  EXPECT_EQ(payload.blocks[0].count, 4u);
}

TEST(JsonPayloadTest, TakesValueAndTimeOfAnObjectByTheNamesOfTheirMembers) {
  for (const char* const text :
       {R"({"value": 2, "timestamp": 1767225600})", R"({"timestamp": 1767225600000, "value": 2})",
        R"({"value": 2, "timestamp": 1767225600000000, "quality": "good", "tags": [{"a": [1]}]})",
        R"({"value": 2, "timestamp": 1767225600000000000})",
        R"({"value": 2, "timestamp": 1767225600.0})",
        R"({"value": 2, "timestamp": "2026-01-01T01:00:00.000+01:00"})",
        R"({"value": [2], "timestamp": "2026-01-01T00:00:00Z"})"}) {
    const Payload payload = Read(kOneChannel, text);
    EXPECT_THAT(payload.values, ElementsAre(2)) << text;
    ASSERT_THAT(payload.blocks, SizeIs(1)) << text;
    EXPECT_THAT(payload.blocks[0].time_ns, Optional(kGivenTime)) << text;
  }
  const JsonFormat renamed{.value = "v", .timestamp = "t", .time = TimeFormat::kMilliseconds};
  const Payload payload = Read(renamed, R"({"v": 2, "t": 1000, "value": 3})");
  EXPECT_THAT(payload.values, ElementsAre(2));
  EXPECT_THAT(payload.blocks[0].time_ns, Optional(1'000'000'000));
}

TEST(JsonPayloadTest, TakesAnArrayOfReadings) {
  const Payload payload =
      Read(kOneChannel,
           R"([{"value": 1, "timestamp": 1767225600}, {"value": 2, "timestamp": 1767225601}])");
  EXPECT_THAT(payload.values, ElementsAre(1, 2));
  ASSERT_THAT(payload.blocks, SizeIs(2));
  EXPECT_THAT(payload.blocks[1].time_ns, Optional(kGivenTime + 1'000'000'000));
}

TEST(JsonPayloadTest, TakesAnObjectOfChannels) {
  const Payload payload = Read(
      kNamed, R"({"current": 1.5, "timestamp": 1767225600, "unit": "A", "voltage": [230, 231]})");
  EXPECT_THAT(payload.values, ElementsAre(1.5F, 230, 231));
  ASSERT_THAT(payload.blocks, SizeIs(2));
  EXPECT_EQ(payload.blocks[0].channel, "current");
  EXPECT_EQ(payload.blocks[1].channel, "voltage");
  EXPECT_EQ(payload.blocks[1].count, 2u);
  EXPECT_THAT(payload.blocks[1].time_ns, Optional(kGivenTime)) << "one time counts for all members";
}

TEST(JsonPayloadTest, AChannelsOwnTimeComesBeforeThatOfTheWholeObject) {
  const Payload payload = Read(kNamed, R"({"timestamp": 1767225600,
      "current": {"value": 1, "timestamp": 1767225601}, "speed": {"value": [2, 3]}})");
  ASSERT_THAT(payload.blocks, SizeIs(2));
  EXPECT_EQ(payload.blocks[0].channel, "current");
  EXPECT_THAT(payload.blocks[0].time_ns, Optional(kGivenTime + 1'000'000'000));
  EXPECT_EQ(payload.blocks[1].channel, "speed");
  EXPECT_THAT(payload.blocks[1].time_ns, Optional(kGivenTime));
}

TEST(JsonPayloadTest, RefusesWhatHasNoneOfTheForms) {
  const struct {
    const JsonFormat& format;
    const char* text;
    const char* reason;
  } kCases[] = {
      {kOneChannel, "", "not JSON"},
      {kOneChannel, "{", "not JSON"},
      {kOneChannel, "[1, 2] 3", "not JSON"},
      {kOneChannel, "[1, 1e999]", "not JSON"},
      {kOneChannel, "\"on\"", "the text \"on\""},
      {kOneChannel, "[1, \"a\"]", "the text \"a\""},
      {kOneChannel, "[1, [2]]", "an array within an array"},
      {kOneChannel, "[1, {\"value\": 2}]", "an object among numbers"},
      {kOneChannel, "[{\"value\": 2}, 1]", "a number among objects"},
      {kOneChannel, "{\"val\": 1}", "no value; an object has it in the member \"value\""},
      {kOneChannel, "{\"value\": 1, \"timestamp\": \"yesterday\"}", "time stamp"},
      {kOneChannel, "{\"value\": 1, \"timestamp\": -1}", "time stamp"},
      {kOneChannel, "[]", "no value"},
      {kNamed, "{\"timestamp\": 1767225600}", "no channel"},
      {kNamed, "21.5", "without a channel's name"},
  };
  for (const auto& [format, text, reason] : kCases) {
    EXPECT_THAT(Refusal(format, text),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(reason)))
        << text;
  }
}

TEST(JsonPayloadTest, DeepTextIsRefusedOrSkippedAndNoMore) {
  EXPECT_FALSE(Refusal(kOneChannel, std::string(100'000, '[')).ok());
  std::string deep(R"({"value": 1, "other": )");
  deep.append(10'000, '[').append(10'000, ']').append("}");
  EXPECT_THAT(Read(kOneChannel, deep).values, ElementsAre(1));
}

template <typename T>
std::string Bytes(std::initializer_list<T> values, bool reversed = false) {
  std::string bytes;
  for (const T value : values) {
    std::string one(sizeof(T), '\0');
    std::memcpy(one.data(), &value, sizeof(T));
    bytes += reversed ? std::string(one.rbegin(), one.rend()) : one;
  }
  return bytes;
}

TEST(RawPayloadTest, TakesEveryTypeInBothByteOrders) {
  for (const bool big : {false, true}) {
    Payload payload;
    RawFormat format{.big_endian = big};
    MR_ASSERT_OK(ReadRawPayload(format, Bytes<float>({1.5F, -2}, big), &payload));
    EXPECT_THAT(payload.values, ElementsAre(1.5F, -2));
    format.type = RawType::kFloat64;
    MR_ASSERT_OK(ReadRawPayload(format, Bytes<double>({1.5, 1e300}, big), &payload));
    EXPECT_THAT(payload.values, ElementsAre(1.5F, NanSensitiveFloatEq(kNan)));
    format.type = RawType::kInt16;
    MR_ASSERT_OK(ReadRawPayload(format, Bytes<int16_t>({-300, 7}, big), &payload));
    EXPECT_THAT(payload.values, ElementsAre(-300, 7));
    format.type = RawType::kInt32;
    format.scale = 0.5;
    format.offset = 10;
    MR_ASSERT_OK(ReadRawPayload(format, Bytes<int32_t>({-70'000}, big), &payload));
    EXPECT_THAT(payload.values, ElementsAre(-34'990));
  }
}

TEST(RawPayloadTest, TakesChannelsInTurnApart) {
  Payload payload;
  const RawFormat format{.type = RawType::kInt16, .channels = {"x", "y"}};
  MR_ASSERT_OK(ReadRawPayload(format, Bytes<int16_t>({1, 10, 2, 20, 3, 30}), &payload));
  EXPECT_THAT(payload.values, ElementsAre(1, 2, 3, 10, 20, 30));
  ASSERT_THAT(payload.blocks, SizeIs(2));
  EXPECT_EQ(payload.blocks[1].channel, "y");
  EXPECT_EQ(payload.blocks[1].begin, 3u);
  EXPECT_EQ(payload.blocks[1].count, 3u);
}

TEST(RawPayloadTest, TakesTheHeadersTime) {
  Payload payload;
  const std::string value = Bytes<float>({1});
  MR_ASSERT_OK(ReadRawPayload({.header = RawHeader::kUnixMs},
                              Bytes<int64_t>({1767225600'000}) + value, &payload));
  EXPECT_THAT(payload.blocks[0].time_ns, Optional(kGivenTime));
  MR_ASSERT_OK(ReadRawPayload({.header = RawHeader::kUnixSeconds},
                              Bytes<double>({1767225600}) + value, &payload));
  EXPECT_THAT(payload.blocks[0].time_ns, Optional(kGivenTime));
}

TEST(RawPayloadTest, RefusesPartsOfValuesAndTimesThatCannotBe) {
  Payload payload;
  const struct {
    RawFormat format;
    std::string bytes;
    const char* reason;
  } kCases[] = {
      {{}, "", "0 bytes of values; they come in multiples of 4"},
      {{}, "12345", "5 bytes"},
      {{.channels = {"x", "y"}}, "1234", "multiples of 8"},
      {{.header = RawHeader::kUnixNs}, "1234567", "less than the header's 8"},
      {{.header = RawHeader::kUnixNs}, Bytes<int64_t>({-1}) + "1234", "time cannot be"},
      {{.header = RawHeader::kUnixSeconds},
       Bytes<double>({std::numeric_limits<double>::infinity()}) + "1234",
       "time cannot be"},
  };
  for (const auto& [format, bytes, reason] : kCases) {
    EXPECT_THAT(ReadRawPayload(format, bytes, &payload),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(reason)));
  }
}

class AppendSamplesTest : public ::testing::Test {
 protected:
  std::vector<int64_t> Times(std::optional<int64_t> time_ns, const BlockTiming& timing) {
    const Payload payload{{{"current", time_ns, 0, 3}}, {1, 2, 3}};
    std::vector<Sample> samples;
    AppendSamples(payload, {kGivenTime, "pump-1", ""}, timing, channels_, &samples);
    std::vector<int64_t> times;
    for (const Sample& sample : samples) times.push_back(sample.time_ns - kGivenTime);
    return times;
  }

  const ChannelTable table_{{"pump-1/current"}};
  SourceRecord record_{"line-1"};
  StreamChannels channels_{&table_, {}, &record_};
};

TEST_F(AppendSamplesTest, ABlockBeginsAtItsTimeOrEndsThere) {
  EXPECT_THAT(Times(kGivenTime, {.rate_hz = 1000}), ElementsAre(0, 1'000'000, 2'000'000));
  EXPECT_THAT(Times(kGivenTime, {.rate_hz = 1000, .stamp = BlockTime::kLast}),
              ElementsAre(-2'000'000, -1'000'000, 0));
}

TEST_F(AppendSamplesTest, ABlockWithoutATimeEndsWhenItArrived) {
  EXPECT_THAT(Times(std::nullopt, {.rate_hz = 1000}), ElementsAre(-2'000'000, -1'000'000, 0));
}

TEST_F(AppendSamplesTest, ATimeAtTheEndOfAllTimesIsNoTrap) {
  const Payload payload{{{"current", std::numeric_limits<int64_t>::max(), 0, 3}}, {1, 2, 3}};
  std::vector<Sample> samples;
  AppendSamples(payload, {kGivenTime, "pump-1", ""}, {.rate_hz = 1}, channels_, &samples);
  EXPECT_THAT(samples, SizeIs(3));
}

TEST_F(AppendSamplesTest, ValuesOfChannelsThatNobodyKnowsAreCountedAndLeftOut) {
  const Payload payload{{{"speed", {}, 0, 2}, {"", {}, 2, 1}}, {1, 2, 3}};
  std::vector<Sample> samples;
  AppendSamples(payload, {kGivenTime, "pump-1", "current"}, {}, channels_, &samples);
  ASSERT_THAT(samples, SizeIs(1));
  EXPECT_EQ(samples[0].value, 3);
  EXPECT_EQ(record_.Status().unknown_values, 2);
}

}  // namespace
}  // namespace millrace
