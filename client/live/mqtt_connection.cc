// SPDX-License-Identifier: Apache-2.0
#include "client/live/mqtt_connection.h"

#include <linux/sockios.h>
#include <mosquitto.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file_system.h"
#include "base/status.h"
#include "client/live/topic_pattern.h"

namespace millrace {
namespace {

constexpr int kMostAtOnce = 256;    // messages read before the thread looks at anything else
constexpr int kFirstRefusal = 128;  // of a subscription's answers

void StartLibrary() {
  static const bool started = mosquitto_lib_init() == MOSQ_ERR_SUCCESS;
  MR_CHECK(started);
}

absl::Status StatusOf(int error, absl::string_view what) {
  if (error == MOSQ_ERR_SUCCESS) return absl::OkStatus();
  const char* const text =
      error == MOSQ_ERR_ERRNO ? std::strerror(errno) : mosquitto_strerror(error);
  return absl::UnavailableError(absl::StrCat(what, ": ", text));
}

// A key under a passphrase would make OpenSSL ask at a terminal.
int NoPassphrase(char*, int, int, void*) { return 0; }

}  // namespace

void MqttConnection::Destroy::operator()(mosquitto* client) const { mosquitto_destroy(client); }

MqttConnection::MqttConnection(const MqttBroker& broker, MqttUse use)
    : broker_(broker), use_(std::move(use)) {}

MqttConnection::~MqttConnection() {
  if (connected_ && !failed_) mosquitto_disconnect(client_.get());
}

absl::StatusOr<std::unique_ptr<MqttConnection>> MqttConnection::Open(const MqttBroker& broker,
                                                                     MqttUse use) {
  StartLibrary();
  std::unique_ptr<MqttConnection> connection(new MqttConnection(broker, std::move(use)));
  const bool clean = broker.client_id.empty();
  const std::string& id = clean ? connection->use_.client_id : broker.client_id;
  connection->client_.reset(
      mosquitto_new(id.empty() ? nullptr : id.c_str(), clean, connection.get()));
  if (connection->client_ == nullptr) return ErrnoStatus(errno, "MQTT client");
  MR_RETURN_IF_ERROR(connection->SetUp());
  MR_RETURN_IF_ERROR(connection->NetworkStatus(mosquitto_connect_async(
      connection->client_.get(), broker.host.c_str(), static_cast<int>(broker.port),
      static_cast<int>(std::lround(broker.keep_alive_s)))));
  return connection;
}

absl::Status MqttConnection::SetUp() {
  mosquitto* const client = client_.get();
  MR_RETURN_IF_ERROR(
      StatusOf(mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION,
                                    broker_.version_5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311),
               "protocol version"));
  mosquitto_connect_callback_set(client, OnConnect);
  mosquitto_subscribe_callback_set(client, OnSubscribe);
  mosquitto_message_callback_set(client, OnMessage);
  mosquitto_publish_callback_set(client, OnPublish);
  mosquitto_log_callback_set(client, OnLog);
  if (use_.will) {
    MR_RETURN_IF_ERROR(
        StatusOf(mosquitto_will_set(client, use_.will->topic.c_str(),
                                    static_cast<int>(use_.will->payload.size()),
                                    use_.will->payload.data(), static_cast<int>(broker_.qos),
                                    /*retain=*/true),
                 "will"));
  }
  MR_RETURN_IF_ERROR(SetUpUser());
  return broker_.tls.on ? SetUpTls() : absl::OkStatus();
}

absl::Status MqttConnection::SetUpUser() {
  if (broker_.user.empty()) return absl::OkStatus();
  std::string password;
  if (!broker_.password_file.empty()) {
    constexpr int64_t kMostBytes = 65536;
    absl::StatusOr<std::string> text =
        ReadFile(PosixFileSystem(), broker_.password_file, kMostBytes);
    if (!text.ok()) return absl::FailedPreconditionError(text.status().message());
    password = text->substr(0, text->find_first_of("\r\n"));
  }
  return StatusOf(
      mosquitto_username_pw_set(client_.get(), broker_.user.c_str(),
                                broker_.password_file.empty() ? nullptr : password.c_str()),
      "user");
}

absl::Status MqttConnection::SetUpTls() {
  const auto file = [](const std::string& path) { return path.empty() ? nullptr : path.c_str(); };
  const MqttTls& tls = broker_.tls;
  const int error = mosquitto_tls_set(client_.get(), file(tls.authority), nullptr,
                                      file(tls.certificate), file(tls.key), NoPassphrase);
  if (error != MOSQ_ERR_SUCCESS) {
    return absl::FailedPreconditionError(absl::StrCat("TLS: one of the files ", tls.authority, " ",
                                                      tls.certificate, " ", tls.key,
                                                      " cannot be read"));
  }
  if (tls.authority.empty()) {
    MR_RETURN_IF_ERROR(StatusOf(mosquitto_int_option(client_.get(), MOSQ_OPT_TLS_USE_OS_CERTS, 1),
                                "system's authorities"));
  }
  return absl::OkStatus();
}

absl::Status MqttConnection::Serve(absl::Duration patience) {
  took_message_ = false;
  int error = mosquitto_loop(client_.get(), static_cast<int>(absl::ToInt64Milliseconds(patience)),
                             /*max_packets=*/1);
  // The library reads one message a call; while they come no waiting is needed in between.
  for (int i = 0; error == MOSQ_ERR_SUCCESS && took_message_ && i < kMostAtOnce; ++i) {
    took_message_ = false;
    error = mosquitto_loop_read(client_.get(), /*max_packets=*/1);
  }
  MR_RETURN_IF_ERROR(refusal_);
  return Note(NetworkStatus(error));
}

absl::Status MqttConnection::Note(absl::Status status) {
  failed_ = failed_ || !status.ok();
  return status;
}

absl::Status MqttConnection::NetworkStatus(int error) const {
  const std::string where = absl::StrCat(broker_.host, ":", broker_.port);
  return StatusOf(error, error_log_.empty() ? where : absl::StrCat(where, ": ", error_log_));
}

absl::Status MqttConnection::Subscribe() {
  for (const std::string& topic : use_.topics) {
    MR_ASSIGN_OR_RETURN(const TopicPattern pattern, TopicPattern::Parse(topic));
    MR_RETURN_IF_ERROR(
        StatusOf(mosquitto_subscribe(client_.get(), nullptr, pattern.filter().c_str(),
                                     static_cast<int>(broker_.qos)),
                 pattern.filter()));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> MqttConnection::Publish(const std::string& topic, absl::string_view payload,
                                            const MqttDelivery& delivery) {
  int number = 0;
  MR_RETURN_IF_ERROR(Note(StatusOf(
      mosquitto_publish(client_.get(), &number, topic.c_str(), static_cast<int>(payload.size()),
                        payload.data(), static_cast<int>(delivery.qos), delivery.retain),
      topic)));
  return number;
}

bool MqttConnection::congested() const { return mosquitto_want_write(client_.get()); }

bool MqttConnection::unheard() const {
  int bytes = 0;
  return ::ioctl(mosquitto_socket(client_.get()), SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

void MqttConnection::OnConnect(mosquitto*, void* self, int code) {
  auto& connection = *static_cast<MqttConnection*>(self);
  if (code != 0) {
    connection.refusal_ = absl::PermissionDeniedError(absl::StrCat(
        "the broker refuses: ", connection.broker_.version_5 ? mosquitto_reason_string(code)
                                                             : mosquitto_connack_string(code)));
    return;
  }
  connection.connected_ = true;
  const absl::Status subscribed = connection.Subscribe();
  if (!subscribed.ok()) connection.refusal_ = subscribed;
}

void MqttConnection::OnSubscribe(mosquitto*, void* self, int, int count, const int* granted) {
  auto& connection = *static_cast<MqttConnection*>(self);
  if (std::any_of(granted, granted + count, [](int code) { return code >= kFirstRefusal; })) {
    connection.refusal_ =
        absl::PermissionDeniedError("the broker refuses the subscription to a topic");
  }
}

void MqttConnection::OnMessage(mosquitto*, void* self, const mosquitto_message* message) {
  auto& connection = *static_cast<MqttConnection*>(self);
  connection.took_message_ = true;
  connection.use_.take(
      {message->topic,
       {static_cast<const char*>(message->payload), static_cast<size_t>(message->payloadlen)},
       message->retain});
}

void MqttConnection::OnPublish(mosquitto*, void* self, int number) {
  static_cast<MqttConnection*>(self)->use_.confirmed(number);
}

// Why TLS fails is told nowhere else.
void MqttConnection::OnLog(mosquitto*, void* self, int level, const char* text) {
  if (level == MOSQ_LOG_ERR) static_cast<MqttConnection*>(self)->error_log_ = text;
}

}  // namespace millrace
