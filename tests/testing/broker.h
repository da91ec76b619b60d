// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/testing/process.h"

struct mosquitto;

namespace millrace::testing {

/// A mosquitto broker on a free port of the loopback. Killed when the object goes.
class Broker {
 public:
  struct Options {
    std::string settings = "allow_anonymous true";  // lines of mosquitto.conf
  };

  /// Returns when it listens. Its files are in `folder`.
  Broker(const std::string& folder, const Options& options);

  int port() const { return port_; }
  void Kill() { process_->Kill(); }
  /// Again, on the same port, with nothing kept.
  void Start();
  /// It stands still, its connections stay.
  void Pause();
  void GoOn();

 private:
  bool Listens() const;

  const std::string folder_;
  const Options options_;
  int port_ = 0;
  std::unique_ptr<Process> process_;
};

/// Publishes as any program in a plant does.
class Publisher {
 public:
  /// Connects, without TLS and password. `qos` is of what it publishes.
  explicit Publisher(int port, int qos = 1);
  ~Publisher();

  void Publish(const std::string& topic, absl::string_view payload, bool retain = false);
  /// Until the broker has taken all that was published. With qos of 1 or 2 only.
  bool AwaitTaken();
  /// Whether a message of this topic has come since Listen.
  void Listen(const std::string& topic);
  bool Heard() const;

 private:
  struct Ear;

  const int qos_;
  int published_ = 0;
  std::unique_ptr<Ear> ear_;
  mosquitto* client_;
};

}  // namespace millrace::testing
