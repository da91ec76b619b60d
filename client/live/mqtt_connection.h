// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/live/mqtt_config.h"

struct mosquitto;
struct mosquitto_message;

namespace millrace {

struct MqttMessage {
  absl::string_view topic;
  absl::string_view payload;
  bool retained = false;  // it was published before the subscription, who knows when
};

/// What the broker publishes, retained, when the connection breaks off.
struct MqttWill {
  std::string topic;
  std::string payload;
};

struct MqttDelivery {
  int64_t qos = 0;
  bool retain = false;
};

/// What a connection is for. The functions are called from Serve, and from Publish.
struct MqttUse {
  std::vector<std::string> topics;  // TopicPattern's, to be asked for
  std::function<void(const MqttMessage&)> take = [](const MqttMessage&) {};
  /// The broker has what Publish gave this number; with a qos of 0 the network has it.
  std::function<void(int number)> confirmed = [](int) {};
  std::optional<MqttWill> will = std::nullopt;
  /// Where the site's file names none, and the broker is to keep nothing between connections;
  /// empty: one of the library's, another with each.
  std::string client_id = "";
};

/// One connection to a broker, by libmosquitto, from its beginning to its end: what fails is not
/// tried again here, and is no good-bye: the broker tells the will. Used by one thread.
class MqttConnection {
 public:
  /// Starts to connect. UNAVAILABLE where that fails at once, FAILED_PRECONDITION for files of keys
  /// or a password that cannot be used.
  static absl::StatusOr<std::unique_ptr<MqttConnection>> Open(const MqttBroker& broker,
                                                              MqttUse use);
  ~MqttConnection();

  /// Whether the broker has taken the connection; the topics are then asked for.
  bool connected() const { return connected_; }

  /// Waits for the network as long as `patience`, and takes what has come. An error is the
  /// connection's end: UNAVAILABLE, or PERMISSION_DENIED for what the broker refuses.
  absl::Status Serve(absl::Duration patience);

  /// Asks for the topics; also again, for a subscription that may be lost.
  absl::Status Subscribe();
  /// Its number, for MqttUse::confirmed.
  absl::StatusOr<int> Publish(const std::string& topic, absl::string_view payload,
                              const MqttDelivery& delivery);
  /// Whether the network has not taken yet what was published.
  bool congested() const;
  /// Whether the broker's machine has not got yet what the network has taken.
  bool unheard() const;

 private:
  struct Destroy {
    void operator()(mosquitto* client) const;
  };

  MqttConnection(const MqttBroker& broker, MqttUse use);
  absl::Status SetUp();
  absl::Status SetUpTls();
  absl::Status SetUpUser();
  absl::Status Note(absl::Status status);
  absl::Status NetworkStatus(int error) const;

  static void OnConnect(mosquitto*, void* self, int code);
  static void OnSubscribe(mosquitto*, void* self, int id, int count, const int* granted);
  static void OnMessage(mosquitto*, void* self, const mosquitto_message* message);
  static void OnPublish(mosquitto*, void* self, int number);
  static void OnLog(mosquitto*, void* self, int level, const char* text);

  const MqttBroker broker_;
  const MqttUse use_;
  std::unique_ptr<mosquitto, Destroy> client_;
  bool connected_ = false;
  bool failed_ = false;
  bool took_message_ = false;
  std::string error_log_;  // the library's last word on an error
  absl::Status refusal_;   // by the broker
};

}  // namespace millrace
