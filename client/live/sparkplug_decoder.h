// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/live/sample.h"
#include "client/live/stream_channels.h"
#include "millrace/internal/sparkplug_b.pb.h"

namespace millrace {

/// What the topic spBv1.0/<group>/<type>/<node>[/<device>] says.
struct SparkplugTopic {
  std::string group;
  std::string type;
  std::string node;
  std::string device;  // empty: of the node itself

  /// None for what is no such topic, the state of hosts among it.
  static std::optional<SparkplugTopic> Parse(absl::string_view topic);
};

/// The payload of the command that makes an edge node send its birth certificates again.
std::string SparkplugRebirthCommand(int64_t unix_ns);

/// A host's side of Sparkplug B (Sparkplug specification 3.0.0): what edge nodes and devices have
/// said of their metrics in their birth certificates, and what their data therefore mean. A
/// channel is called by its device (or node) and metric: "pump-1/current". Knows neither network
/// nor clock. Not thread-safe.
class SparkplugDecoder {
 public:
  struct Result {
    std::vector<Sample> samples;
    std::string event;          // worth a line in the log; empty: none
    std::string rebirth_topic;  // empty, or where a rebirth is to be asked for
  };

  /// `channels` outlives the object.
  explicit SparkplugDecoder(StreamChannels* channels) : channels_(channels) {}

  /// INVALID_ARGUMENT for a payload or a number that cannot be, RESOURCE_EXHAUSTED for more nodes,
  /// devices or metrics than a plant has. A rebirth is asked of a node once in ten seconds at most:
  /// when messages are missing, or it speaks before its birth or by unknown aliases. The channels
  /// of what dies turn NaN.
  absl::StatusOr<Result> Take(absl::string_view topic, absl::string_view payload, int64_t unix_ns,
                              int64_t monotonic_ns);

  /// Whether a node is known and none is alive.
  bool AllDead() const;

  /// After a lost connection: what was missed is not known, so every node has to be born again.
  void Forget() { nodes_.clear(); }

 private:
  struct Metric {
    std::optional<ChannelIndex> channel;
    uint32_t type = 0;
    std::string device;
  };
  struct Device {
    bool alive = false;
    absl::flat_hash_map<std::string, Metric> metrics;
    absl::flat_hash_set<ChannelIndex> channels;
  };
  struct Node {
    bool alive = false;
    std::optional<uint64_t> sequence;     // of the latest message
    std::optional<uint64_t> birth_death;  // which birth a death certificate belongs to
    std::optional<int64_t> asked_ns;      // when a rebirth was asked for
    std::map<std::string, Device> devices;
    absl::flat_hash_map<uint64_t, Metric> aliases;
  };
  using Message = internal::SparkplugPayload;

  absl::Status CheckRoom(size_t metrics) const;
  absl::Status Birth(const SparkplugTopic& topic, const Message& message, Node& node);
  void Death(const SparkplugTopic& topic, const Message& message, int64_t unix_ns, Node& node,
             Result& result);
  // Whether everything was understood.
  bool Data(const SparkplugTopic& topic, const Message& message, int64_t unix_ns, Node& node,
            Result& result);
  const Metric* Find(const internal::SparkplugMetric& metric, const Node& node,
                     const Device& device) const;
  bool TakeSequence(const SparkplugTopic& topic, const Message& message, Node& node);

  StreamChannels* const channels_;
  std::map<std::string, Node> nodes_;  // by "group/node"
};

}  // namespace millrace
