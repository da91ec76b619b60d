// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "scripts/plant_simulator/plant_feed.h"

struct mosquitto;

namespace millrace {

enum class BlockFormat { kJson, kRaw };

/// Publishes each block as one message of the topic "<prefix>/<machine>", QoS 0. While the broker
/// is away, or does not keep up, blocks are lost and counted; the connection comes back by itself.
class BrokerFeed final : public PlantFeed {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    int port = 1883;
    std::string prefix = "plant";
    BlockFormat format = BlockFormat::kJson;
  };

  /// Returns once it is connected. UNAVAILABLE, naming the address, if it is not within ten
  /// seconds.
  static absl::StatusOr<std::unique_ptr<BrokerFeed>> Connect(const Options& options);
  ~BrokerFeed() override;

  absl::Status Take(const PlantBlock& block) override;
  int64_t lost() const override { return lost_; }

 private:
  explicit BrokerFeed(const Options& options) : options_(options) {}

  const Options options_;
  mosquitto* client_ = nullptr;
  int64_t published_ = 0;
  int64_t lost_ = 0;
  // By the library's thread.
  std::atomic<bool> connected_ = false;
  std::atomic<int64_t> sent_ = 0;
};

}  // namespace millrace
