// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/broker.h"

#include <mosquitto.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "tests/testing/eventually.h"
#include "tests/testing/loopback.h"

namespace millrace::testing {
namespace {

int FreePort() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof(address);
  MR_CHECK(::bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0);
  MR_CHECK(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  ::close(listener);
  return ntohs(address.sin_port);
}

}  // namespace

Broker::Broker(const std::string& folder, const Options& options)
    : folder_(folder), options_(options) {
  // Another program may take the port in between.
  for (int attempt = 0; attempt < 10; ++attempt) {
    port_ = FreePort();
    Start();
    if (Listens()) return;
  }
  MR_CHECK(false);
}

bool Broker::Listens() const {
  const int caller = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port_);
  const int result =
      ::connect(caller, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  ::close(caller);
  return result == 0;
}

void Broker::Start() {
  const std::string config = folder_ + "/mosquitto.conf";
  std::ofstream(config) << "listener " << port_ << " 127.0.0.1\nuser root\n"
                        << options_.settings << "\n";
  process_ = std::make_unique<Process>(
      std::vector<std::string>{"/usr/sbin/mosquitto", "-c", config}, folder_ + "/mosquitto.log");
  Eventually([this] { return Listens() || process_->AwaitExit(absl::ZeroDuration()).has_value(); });
}

void Broker::Pause() { process_->Signal(SIGSTOP); }
void Broker::GoOn() { process_->Signal(SIGCONT); }

struct Publisher::Ear {
  std::atomic<bool> connected = false;
  std::atomic<bool> subscribed = false;
  std::atomic<bool> heard = false;
  std::atomic<int> taken = 0;
};

Publisher::Publisher(int port, int qos) : qos_(qos), ear_(std::make_unique<Ear>()) {
  mosquitto_lib_init();
  client_ = mosquitto_new(nullptr, true, ear_.get());
  MR_CHECK(client_ != nullptr);
  mosquitto_connect_callback_set(client_, [](mosquitto*, void* ear, int code) {
    static_cast<Ear*>(ear)->connected = code == 0;
  });
  mosquitto_subscribe_callback_set(client_, [](mosquitto*, void* ear, int, int, const int*) {
    static_cast<Ear*>(ear)->subscribed = true;
  });
  mosquitto_message_callback_set(client_, [](mosquitto*, void* ear, const mosquitto_message*) {
    static_cast<Ear*>(ear)->heard = true;
  });
  mosquitto_publish_callback_set(
      client_, [](mosquitto*, void* ear, int) { ++static_cast<Ear*>(ear)->taken; });
  MR_CHECK(mosquitto_connect(client_, "127.0.0.1", port, 60) == MOSQ_ERR_SUCCESS);
  MR_CHECK(mosquitto_loop_start(client_) == MOSQ_ERR_SUCCESS);
  MR_CHECK(Eventually([this] { return ear_->connected.load(); }));
}

Publisher::~Publisher() {
  mosquitto_disconnect(client_);
  mosquitto_loop_stop(client_, /*force=*/false);
  mosquitto_destroy(client_);
}

void Publisher::Publish(const std::string& topic, absl::string_view payload, bool retain) {
  MR_CHECK(mosquitto_publish(client_, nullptr, topic.c_str(), static_cast<int>(payload.size()),
                             payload.data(), qos_, retain) == MOSQ_ERR_SUCCESS);
  ++published_;
}

bool Publisher::AwaitTaken() {
  return Eventually([this] { return ear_->taken == published_; });
}

void Publisher::Listen(const std::string& topic) {
  MR_CHECK(mosquitto_subscribe(client_, nullptr, topic.c_str(), /*qos=*/1) == MOSQ_ERR_SUCCESS);
  MR_CHECK(Eventually([this] { return ear_->subscribed.load(); }));
}

bool Publisher::Heard() const { return ear_->heard; }

}  // namespace millrace::testing
