// SPDX-License-Identifier: Apache-2.0
#include "client/live/read_mqtt_broker.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file_system.h"

namespace millrace {
namespace {

void ReadFilePath(TomlTable& table, const char* key, const std::string& base_directory,
                  std::string* path) {
  if (table.NonEmptyString(key, path)) *path = ResolvePath(base_directory, *path);
}

}  // namespace

void ReadMqttBroker(TomlTable& table, const std::string& base_directory, MqttBroker& broker) {
  constexpr NamedValue<bool> kVersions[] = {{"3.1.1", false}, {"5", true}};
  constexpr int64_t kTlsPort = 8883;
  table.Require("host", "the broker's");
  table.NonEmptyString("host", &broker.host);
  table.Enum("version", kVersions, &broker.version_5);
  table.NonEmptyString("user", &broker.user);
  ReadFilePath(table, "password_file", base_directory, &broker.password_file);
  if (broker.user.empty()) table.Forbid("password_file", "needs a user");
  table.NonEmptyString("client_id", &broker.client_id);
  table.Int("qos", {0, 2}, &broker.qos);
  table.Double("keep_alive_s", {.min = 5, .max = 65535}, &broker.keep_alive_s);
  TomlTable tls = table.Table("tls");
  broker.tls.on = table.Has("tls");
  ReadFilePath(tls, "authority", base_directory, &broker.tls.authority);
  ReadFilePath(tls, "certificate", base_directory, &broker.tls.certificate);
  ReadFilePath(tls, "key", base_directory, &broker.tls.key);
  if (broker.tls.certificate.empty() != broker.tls.key.empty()) {
    tls.Require(broker.tls.key.empty() ? "key" : "certificate",
                "a client's certificate and its key go together");
  }
  if (broker.tls.on) broker.port = kTlsPort;
  table.Int("port", {1, 65535}, &broker.port);
}

std::string PlaintextWarning(const MqttBroker& broker) {
  if (broker.tls.on || IsLoopback(broker.host)) return "";
  return absl::StrCat("MQTT without TLS to ", broker.host,
                      ": who is on that network can read and forge the data",
                      broker.user.empty() ? "" : ", and read the password");
}

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || absl::StartsWith(host, "127.");
}

}  // namespace millrace
