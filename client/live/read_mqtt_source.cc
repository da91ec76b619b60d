// SPDX-License-Identifier: Apache-2.0
#include "client/live/read_mqtt_source.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/data/fields.h"
#include "client/live/read_mqtt_broker.h"
#include "client/live/source_keys.h"
#include "client/live/topic_pattern.h"

namespace millrace {
namespace {

enum class Format { kJson, kRaw, kSparkplug };

void ReadTopics(TomlTable& table, bool payload_names_channels, MqttConfig& config) {
  table.Require("topics", "what to subscribe to, such as \"plant/{machine}/{channel}\"");
  if (table.Strings("topics", &config.topics) && config.topics.empty()) {
    table.Refuse("topics", "must have at least one");
  }
  bool machines = true, channels = true;
  for (const std::string& topic : config.topics) {
    const absl::StatusOr<TopicPattern> pattern = TopicPattern::Parse(topic);
    if (!pattern.ok()) {
      table.Refuse("topics", absl::StrCat(Shown(topic), ": ", pattern.status().message()));
      return;
    }
    machines = machines && pattern->names_machine();
    channels = channels && pattern->names_channel();
  }
  table.NonEmptyString("machine", &config.machine);
  if (!machines) table.Require("machine", "a topic has no level {machine}");
  if (payload_names_channels) {
    table.Forbid("channel", "the payload names the channels");
  } else {
    table.NonEmptyString("channel", &config.channel);
    if (!channels) table.Require("channel", "a topic has no level {channel}");
  }
}

JsonFormat ReadJson(TomlTable& table) {
  JsonFormat json;
  table.Bool("channels_in_payload", &json.names_channels);
  table.NonEmptyString("value", &json.value);
  table.NonEmptyString("timestamp", &json.timestamp);
  table.Enum("time", kTimeFormats, &json.time);
  return json;
}

RawFormat ReadRaw(TomlTable& table) {
  constexpr NamedValue<RawType> kTypes[] = {{"float32", RawType::kFloat32},
                                            {"float64", RawType::kFloat64},
                                            {"int16", RawType::kInt16},
                                            {"int32", RawType::kInt32}};
  constexpr NamedValue<RawHeader> kHeaders[] = {{"none", RawHeader::kNone},
                                                {"unix_ns", RawHeader::kUnixNs},
                                                {"unix_us", RawHeader::kUnixUs},
                                                {"unix_ms", RawHeader::kUnixMs},
                                                {"unix_s", RawHeader::kUnixSeconds}};
  RawFormat raw;
  table.Enum("type", kTypes, &raw.type);
  table.Enum("byte_order", kByteOrders, &raw.big_endian);
  table.Enum("header", kHeaders, &raw.header);
  table.Double("scale", {}, &raw.scale);
  table.Double("offset", {}, &raw.offset);
  table.Strings("channels", &raw.channels);
  return raw;
}

void ReadTiming(TomlTable& table, BlockTiming& timing) {
  constexpr NamedValue<BlockTime> kStamps[] = {{"first", BlockTime::kFirst},
                                               {"last", BlockTime::kLast}};
  table.Double("rate_hz", kRates, &timing.rate_hz);
  table.Enum("block_time", kStamps, &timing.stamp);
}

}  // namespace

MqttConfig ReadMqttConfig(TomlTable table, const std::string& base_directory) {
  constexpr NamedValue<Format> kFormats[] = {
      {"json", Format::kJson}, {"raw", Format::kRaw}, {"sparkplug_b", Format::kSparkplug}};
  MqttConfig config;
  Format format = Format::kJson;
  ReadMqttBroker(table, base_directory, config);
  table.Double("stale_s", {.min = 0, .max = kLongestSeconds}, &config.stale_s);
  table.Require("format", "of the payloads: json, raw or sparkplug_b");
  table.Enum("format", kFormats, &format);
  if (format == Format::kSparkplug) {
    config.format = SparkplugFormat();
    config.topics = {"spBv1.0/#"};
    if (table.Strings("topics", &config.topics)) {
      for (const std::string& topic : config.topics) {
        if (!TopicPattern::Parse(topic).ok()) table.Refuse("topics", "a topic filter is expected");
      }
    }
    return config;
  }
  ReadTiming(table, config.timing);
  if (format == Format::kJson) {
    JsonFormat json = ReadJson(table);
    ReadTopics(table, json.names_channels, config);
    config.format = std::move(json);
  } else {
    RawFormat raw = ReadRaw(table);
    ReadTopics(table, !raw.channels.empty(), config);
    config.format = std::move(raw);
    table.Require("rate_hz", "raw blocks have one time for all of their values");
  }
  return config;
}

}  // namespace millrace
