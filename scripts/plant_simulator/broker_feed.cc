// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/broker_feed.h"

#include <mosquitto.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/clock.h"
#include "scripts/plant_simulator/block_payload.h"

namespace millrace {
namespace {

constexpr int kKeepAlive_s = 30;
constexpr int64_t kMostWaiting = 20'000;  // messages that the network has not taken

}  // namespace

absl::StatusOr<std::unique_ptr<BrokerFeed>> BrokerFeed::Connect(const Options& options) {
  mosquitto_lib_init();
  std::unique_ptr<BrokerFeed> feed(new BrokerFeed(options));
  feed->client_ = mosquitto_new(nullptr, /*clean_session=*/true, feed.get());
  MR_CHECK(feed->client_ != nullptr);
  mosquitto_connect_callback_set(feed->client_, [](mosquitto*, void* self, int code) {
    static_cast<BrokerFeed*>(self)->connected_ = code == 0;
  });
  mosquitto_disconnect_callback_set(feed->client_, [](mosquitto*, void* self, int) {
    static_cast<BrokerFeed*>(self)->connected_ = false;
  });
  mosquitto_publish_callback_set(
      feed->client_, [](mosquitto*, void* self, int) { ++static_cast<BrokerFeed*>(self)->sent_; });
  mosquitto_reconnect_delay_set(feed->client_, 1, 2, /*reconnect_exponential_backoff=*/false);
  const absl::Status unavailable = absl::UnavailableError(
      absl::StrCat("no MQTT broker takes a connection at ", options.host, ":", options.port));
  if (mosquitto_connect(feed->client_, options.host.c_str(), options.port, kKeepAlive_s) !=
          MOSQ_ERR_SUCCESS ||
      mosquitto_loop_start(feed->client_) != MOSQ_ERR_SUCCESS) {
    return unavailable;
  }
  const absl::Time end = SystemClock()->Now() + absl::Seconds(10);
  while (!feed->connected_) {
    if (SystemClock()->Now() > end) return unavailable;
    SystemClock()->Sleep(absl::Milliseconds(5));
  }
  return feed;
}

BrokerFeed::~BrokerFeed() {
  if (client_ == nullptr) return;
  // What is on its way still goes out.
  const absl::Time end = SystemClock()->Now() + absl::Seconds(2);
  while (connected_ && sent_ < published_ && SystemClock()->Now() < end) {
    SystemClock()->Sleep(absl::Milliseconds(5));
  }
  mosquitto_disconnect(client_);
  mosquitto_loop_stop(client_, /*force=*/false);
  mosquitto_destroy(client_);
}

absl::Status BrokerFeed::Take(const PlantBlock& block) {
  if (!connected_ || published_ - sent_ > kMostWaiting) {
    ++lost_;
    return absl::OkStatus();
  }
  const std::string payload =
      options_.format == BlockFormat::kJson ? JsonPayload(block) : RawPayload(block);
  const int result = mosquitto_publish(
      client_, nullptr, absl::StrCat(options_.prefix, "/", *block.machine).c_str(),
      static_cast<int>(payload.size()), payload.data(), /*qos=*/0, /*retain=*/false);
  ++(result == MOSQ_ERR_SUCCESS ? published_ : lost_);
  return absl::OkStatus();
}

}  // namespace millrace
