// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

struct mosquitto;

namespace millrace::testing {

/// Hears what is published, as any program in a plant does, without TLS and password. Comes back by
/// itself to a broker that was away. Thread-safe.
class Subscriber {
 public:
  struct Message {
    std::string topic;
    std::string payload;
    bool retained = false;
  };

  /// Returns when the broker has taken the subscription.
  Subscriber(int port, const std::string& topic);
  ~Subscriber();

  /// All so far, in their order.
  std::vector<Message> Heard() const;
  /// Payloads of one topic.
  std::vector<std::string> Heard(const std::string& topic) const;

 private:
  struct Ear;

  std::unique_ptr<Ear> ear_;
  mosquitto* client_;
};

}  // namespace millrace::testing
