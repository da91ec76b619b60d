// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "client/live/batch_builder.h"
#include "client/live/json_payload.h"
#include "client/live/raw_payload.h"

namespace millrace {

/// The payloads are Sparkplug B's, which name everything themselves.
struct SparkplugFormat {
  bool operator==(const SparkplugFormat&) const = default;
};

struct MqttTls {
  bool on = false;
  std::string authority;    // PEM file; empty: the system's authorities
  std::string certificate;  // PEM files of the client, or both empty
  std::string key;

  bool operator==(const MqttTls&) const = default;
};

/// A broker, and how the site is known to it.
struct MqttBroker {
  std::string host;
  int64_t port = 1883;
  bool version_5 = false;  // else 3.1.1
  MqttTls tls;
  std::string user;           // empty: none
  std::string password_file;  // its first line
  std::string client_id;      // empty: the broker keeps nothing between connections
  int64_t qos = 0;
  double keep_alive_s = 30;

  bool operator==(const MqttBroker&) const = default;
};

/// One subscription to a broker.
struct MqttConfig : MqttBroker {
  std::vector<std::string> topics;  // TopicPattern's
  std::string machine;              // where the topic does not say
  std::string channel;
  std::variant<JsonFormat, RawFormat, SparkplugFormat> format;
  BlockTiming timing;
  double stale_s = 60;  // 0: never

  bool operator==(const MqttConfig&) const = default;
};

}  // namespace millrace
