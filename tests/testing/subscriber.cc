// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/subscriber.h"

#include <mosquitto.h>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "tests/testing/eventually.h"

namespace millrace::testing {

struct Subscriber::Ear {
  const std::string topic;
  absl::Mutex mutex;
  bool subscribed ABSL_GUARDED_BY(mutex) = false;
  std::vector<Message> heard ABSL_GUARDED_BY(mutex);
};

Subscriber::Subscriber(int port, const std::string& topic) : ear_(new Ear{topic, {}, false, {}}) {
  mosquitto_lib_init();
  client_ = mosquitto_new(nullptr, true, ear_.get());
  MR_CHECK(client_ != nullptr);
  mosquitto_connect_callback_set(client_, [](mosquitto* client, void* ear, int) {
    mosquitto_subscribe(client, nullptr, static_cast<Ear*>(ear)->topic.c_str(), /*qos=*/1);
  });
  mosquitto_subscribe_callback_set(client_, [](mosquitto*, void* data, int, int, const int*) {
    auto& ear = *static_cast<Ear*>(data);
    const absl::MutexLock lock(&ear.mutex);
    ear.subscribed = true;
  });
  mosquitto_message_callback_set(
      client_, [](mosquitto*, void* data, const mosquitto_message* message) {
        auto& ear = *static_cast<Ear*>(data);
        const absl::MutexLock lock(&ear.mutex);
        ear.heard.push_back({message->topic,
                             std::string(static_cast<const char*>(message->payload),
                                         static_cast<size_t>(message->payloadlen)),
                             message->retain});
      });
  MR_CHECK(mosquitto_connect(client_, "127.0.0.1", port, 60) == MOSQ_ERR_SUCCESS);
  MR_CHECK(mosquitto_loop_start(client_) == MOSQ_ERR_SUCCESS);
  MR_CHECK(Eventually([this] {
    const absl::MutexLock lock(&ear_->mutex);
    return ear_->subscribed;
  }));
}

Subscriber::~Subscriber() {
  mosquitto_disconnect(client_);
  mosquitto_loop_stop(client_, /*force=*/false);
  mosquitto_destroy(client_);
}

std::vector<Subscriber::Message> Subscriber::Heard() const {
  const absl::MutexLock lock(&ear_->mutex);
  return ear_->heard;
}

std::vector<std::string> Subscriber::Heard(const std::string& topic) const {
  std::vector<std::string> payloads;
  for (const Message& message : Heard()) {
    if (message.topic == topic) payloads.push_back(message.payload);
  }
  return payloads;
}

}  // namespace millrace::testing
