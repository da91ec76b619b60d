// SPDX-License-Identifier: Apache-2.0
#include "client/live/sparkplug_decoder.h"

#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "client/live/live_clock.h"
#include "client/live/payload.h"
#include "client/live/timestamps.h"

namespace millrace {
namespace {

using internal::SparkplugMetric;

constexpr size_t kMostNodes = 1024;
constexpr size_t kMostDevices = 10'000;
constexpr size_t kMostMetrics = 200'000;
constexpr int64_t kAskAgainNs = 10 * kNsPerS;
constexpr uint64_t kSequences = 256;
constexpr absl::string_view kBirthDeath = "bdSeq";

// Specification 6.4.17: the types that are one number.
enum Type : uint32_t { kInt8 = 1, kInt16 = 2, kInt32 = 3, kInt64 = 4, kDouble = 10, kBoolean = 11 };
bool IsNumber(uint32_t type) { return type >= kInt8 && type <= kBoolean; }

bool IsControl(absl::string_view name) {
  return name == kBirthDeath || absl::StartsWith(name, "Node Control/") ||
         absl::StartsWith(name, "Device Control/");
}

// Unsigned on the wire, whatever the type.
double SignedValue(uint32_t type, uint32_t value) {
  switch (type) {
    case kInt8:
      return static_cast<int8_t>(value);
    case kInt16:
      return static_cast<int16_t>(value);
    case kInt32:
      return static_cast<int32_t>(value);
    default:
      return value;
  }
}

std::optional<float> ValueOf(const SparkplugMetric& metric, uint32_t type) {
  if (metric.is_null()) return std::numeric_limits<float>::quiet_NaN();
  switch (metric.value_case()) {
    case SparkplugMetric::kIntValue:
      return SampleValue(SignedValue(type, metric.int_value()));
    case SparkplugMetric::kLongValue:
      return type == kInt64
                 ? SampleValue(static_cast<double>(static_cast<int64_t>(metric.long_value())))
                 : SampleValue(static_cast<double>(metric.long_value()));
    case SparkplugMetric::kFloatValue:
      return SampleValue(metric.float_value());
    case SparkplugMetric::kDoubleValue:
      return SampleValue(metric.double_value());
    case SparkplugMetric::kBooleanValue:
      return metric.boolean_value() ? 1.0F : 0.0F;
    case SparkplugMetric::VALUE_NOT_SET:
      break;
  }
  return std::nullopt;
}

int64_t TimeOf(const SparkplugMetric& metric, const internal::SparkplugPayload& message,
               int64_t unix_ns) {
  for (const uint64_t ms : {metric.timestamp(), message.timestamp()}) {
    if (ms == 0 || ms > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) continue;
    const auto time = TimeOfInteger(TimeFormat::kMilliseconds, static_cast<int64_t>(ms));
    if (time) return *time;
  }
  return unix_ns;
}

}  // namespace

std::optional<SparkplugTopic> SparkplugTopic::Parse(absl::string_view topic) {
  const std::vector<std::string> parts = absl::StrSplit(topic, '/');
  if (parts.size() < 4 || parts.size() > 5 || parts[0] != "spBv1.0") return std::nullopt;
  const bool of_device = absl::StartsWith(parts[2], "D");
  if (of_device != (parts.size() == 5)) return std::nullopt;
  return SparkplugTopic{parts[1], parts[2], parts[3], of_device ? parts[4] : ""};
}

std::string SparkplugRebirthCommand(int64_t unix_ns) {
  internal::SparkplugPayload command;
  const auto ms = static_cast<uint64_t>(unix_ns / 1'000'000);
  command.set_timestamp(ms);
  SparkplugMetric& metric = *command.add_metrics();
  metric.set_name("Node Control/Rebirth");
  metric.set_timestamp(ms);
  metric.set_datatype(kBoolean);
  metric.set_boolean_value(true);
  return command.SerializeAsString();
}

bool SparkplugDecoder::AllDead() const {
  for (const auto& [name, node] : nodes_) {
    if (node.alive) return false;
  }
  return !nodes_.empty();
}

// Whether another device with `metrics` of them may be born.
absl::Status SparkplugDecoder::CheckRoom(size_t metrics) const {
  size_t devices = 1;
  for (const auto& [name, node] : nodes_) {
    devices += node.devices.size();
    for (const auto& [device_name, device] : node.devices) metrics += device.metrics.size();
  }
  if (devices <= kMostDevices && metrics <= kMostMetrics) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("more than ", kMostDevices, " devices or ", kMostMetrics, " metrics"));
}

absl::Status SparkplugDecoder::Birth(const SparkplugTopic& topic, const Message& message,
                                     Node& node) {
  if (topic.device.empty()) {
    std::optional<int64_t> asked = node.asked_ns;
    node = Node();  // its devices are born after it
    node.alive = true;
    node.asked_ns = asked;
    for (const SparkplugMetric& metric : message.metrics()) {
      if (metric.name() == kBirthDeath) node.birth_death = metric.long_value();
    }
  } else {
    absl::erase_if(node.aliases,
                   [&](const auto& entry) { return entry.second.device == topic.device; });
  }
  if (message.has_seq()) node.sequence = message.seq();
  node.devices.erase(topic.device);
  MR_RETURN_IF_ERROR(CheckRoom(static_cast<size_t>(message.metrics_size())));
  Device& device = node.devices[topic.device];
  device.alive = true;
  const std::string& machine = topic.device.empty() ? topic.node : topic.device;
  for (const SparkplugMetric& born : message.metrics()) {
    Metric metric{std::nullopt, born.datatype(), topic.device};
    if (IsNumber(born.datatype()) && !IsControl(born.name())) {
      metric.channel = channels_->Find(machine, born.name(), 1);
    }
    // A name that is there already brings no further alias: what is remembered stays bounded.
    if (!device.metrics.try_emplace(born.name(), metric).second) continue;
    if (metric.channel) device.channels.insert(*metric.channel);
    if (born.has_alias()) node.aliases[born.alias()] = metric;
  }
  return absl::OkStatus();
}

void SparkplugDecoder::Death(const SparkplugTopic& topic, const Message& message, int64_t unix_ns,
                             Node& node, Result& result) {
  if (topic.device.empty()) {
    for (const SparkplugMetric& metric : message.metrics()) {
      // The will of a connection that the node has long replaced.
      if (metric.name() == kBirthDeath && node.birth_death &&
          metric.long_value() != *node.birth_death) {
        return;
      }
    }
    node.alive = false;
  }
  for (auto& [name, device] : node.devices) {
    if (!device.alive || (!topic.device.empty() && name != topic.device)) continue;
    device.alive = false;
    for (const ChannelIndex channel : device.channels) {
      result.samples.push_back({unix_ns, channel, std::numeric_limits<float>::quiet_NaN()});
    }
  }
  result.event = topic.device.empty()
                     ? absl::StrCat("edge node ", topic.node, " has died")
                     : absl::StrCat("device ", topic.device, " of ", topic.node, " has died");
}

const SparkplugDecoder::Metric* SparkplugDecoder::Find(const SparkplugMetric& metric,
                                                       const Node& node,
                                                       const Device& device) const {
  if (metric.has_alias()) {
    const auto found = node.aliases.find(metric.alias());
    if (found != node.aliases.end()) return &found->second;
  }
  const auto found = device.metrics.find(metric.name());
  return found == device.metrics.end() ? nullptr : &found->second;
}

bool SparkplugDecoder::Data(const SparkplugTopic& topic, const Message& message, int64_t unix_ns,
                            Node& node, Result& result) {
  const auto device = node.devices.find(topic.device);
  if (device == node.devices.end() || !device->second.alive) return false;
  bool understood = true;
  for (const SparkplugMetric& metric : message.metrics()) {
    const Metric* const known = Find(metric, node, device->second);
    if (known == nullptr) {
      // Without a name it can only be an alias that a birth which was missed has bound.
      understood = understood && !metric.name().empty();
      continue;
    }
    const std::optional<float> value = ValueOf(metric, known->type);
    if (!known->channel || !value) continue;
    result.samples.push_back({TimeOf(metric, message, unix_ns), *known->channel, *value});
  }
  return understood;
}

// Whether no message is missing before this one.
bool SparkplugDecoder::TakeSequence(const SparkplugTopic& topic, const Message& message,
                                    Node& node) {
  if (!message.has_seq() || topic.type == "NBIRTH" || topic.type == "NDEATH") return true;
  const bool next = !node.sequence || message.seq() == (*node.sequence + 1) % kSequences;
  node.sequence = message.seq();
  return next;
}

absl::StatusOr<SparkplugDecoder::Result> SparkplugDecoder::Take(absl::string_view topic_text,
                                                                absl::string_view payload,
                                                                int64_t unix_ns,
                                                                int64_t monotonic_ns) {
  Result result;
  const std::optional<SparkplugTopic> topic = SparkplugTopic::Parse(topic_text);
  if (!topic || absl::EndsWith(topic->type, "CMD")) return result;
  Message message;
  if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return absl::InvalidArgumentError("not a Sparkplug B payload");
  }
  if (message.seq() >= kSequences) {
    return absl::InvalidArgumentError(
        absl::StrCat("sequence number ", message.seq(), "; it must be below ", kSequences));
  }
  const std::string name = absl::StrCat(topic->group, "/", topic->node);
  if (nodes_.size() == kMostNodes && nodes_.count(name) == 0) {
    return absl::ResourceExhaustedError(absl::StrCat("more than ", kMostNodes, " edge nodes"));
  }
  Node& node = nodes_[name];
  const bool none_missing = TakeSequence(*topic, message, node);
  bool understood = true;
  if (absl::EndsWith(topic->type, "BIRTH")) {
    understood = topic->device.empty() || node.alive;
    if (understood) MR_RETURN_IF_ERROR(Birth(*topic, message, node));
    Data(*topic, message, unix_ns, node, result);  // a birth tells the values too
  } else if (absl::EndsWith(topic->type, "DEATH")) {
    Death(*topic, message, unix_ns, node, result);
  } else if (absl::EndsWith(topic->type, "DATA")) {
    understood = node.alive && Data(*topic, message, unix_ns, node, result);
  }
  if (understood && none_missing) return result;
  if (node.asked_ns && monotonic_ns - *node.asked_ns < kAskAgainNs) return result;
  node.asked_ns = monotonic_ns;
  result.event = absl::StrCat(
      none_missing ? "no birth certificate yet for what is sent by " : "messages are missing of ",
      "edge node ", topic->node, "; asked for its rebirth");
  result.rebirth_topic = absl::StrCat("spBv1.0/", topic->group, "/NCMD/", topic->node);
  return result;
}

}  // namespace millrace
