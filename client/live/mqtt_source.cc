// SPDX-License-Identifier: Apache-2.0
#include "client/live/mqtt_source.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/log.h"
#include "base/status.h"
#include "client/operation/backoff.h"

namespace millrace {
namespace {

constexpr size_t kMostPayloadBytes = size_t{4} << 20;
constexpr absl::Duration kLookUp = absl::Milliseconds(100);  // how often Stop is looked for
constexpr int64_t kConnectNs = 15 * kNsPerS;

}  // namespace

MqttSource::MqttSource(const std::string& name, const MqttConfig& config,
                       const std::vector<ChannelRename>& renames, const SourceContext& context)
    : config_(config),
      context_(context),
      record_(name),
      channels_(context.channels, renames, &record_),
      sparkplug_(&channels_),
      watchdog_(static_cast<int64_t>(config.stale_s * kNsPerS)),
      random_(static_cast<uint64_t>(context.clock->UnixNs())) {
  for (const std::string& topic : config.topics) {
    absl::StatusOr<TopicPattern> pattern = TopicPattern::Parse(topic);
    MR_CHECK(pattern.ok());
    patterns_.push_back(*std::move(pattern));
  }
}

void MqttSource::Run() {
  int failures = 0;
  while (!stopped_.HasBeenNotified()) {
    failures = Connect() ? 1 : failures + 1;
    stopped_.WaitForNotificationWithTimeout(Backoff({}, failures, random_));
  }
}

bool MqttSource::Connect() {
  if (record_.Status().state != SourceState::kStale) record_.State(SourceState::kConnecting);
  sparkplug_.Forget();
  rebirth_topics_.clear();
  absl::StatusOr<std::unique_ptr<MqttConnection>> connection = MqttConnection::Open(
      config_, {config_.topics, [this](const MqttMessage& message) { Take(message); }});
  absl::Status ended = connection.status();
  if (connection.ok()) ended = Serve(**connection);
  // Silence is not a failure of the network, and its reason is told already.
  if (!ended.ok() && !absl::IsDeadlineExceeded(ended)) {
    record_.State(SourceState::kFailed, ended.message());
  }
  return connection.ok() && (*connection)->connected();
}

absl::Status MqttSource::Serve(MqttConnection& connection) {
  const int64_t began_ns = context_.clock->MonotonicNs();
  bool connected = false;
  while (!stopped_.HasBeenNotified()) {
    MR_RETURN_IF_ERROR(connection.Serve(kLookUp));
    const int64_t now_ns = context_.clock->MonotonicNs();
    if (connection.connected() && !connected) {
      connected = true;
      record_.Connected();
      watchdog_.Heard(now_ns);
    } else if (!connected && now_ns - began_ns > kConnectNs) {
      return absl::UnavailableError("the broker does not answer");
    }
    if (connected) MR_RETURN_IF_ERROR(Watch(connection));
  }
  return absl::OkStatus();
}

absl::Status MqttSource::Watch(MqttConnection& connection) {
  for (const std::string& topic : rebirth_topics_) {
    MR_RETURN_IF_ERROR(
        connection.Publish(topic, SparkplugRebirthCommand(context_.clock->UnixNs()), {config_.qos})
            .status());
  }
  rebirth_topics_.clear();
  if (sparkplug_.AllDead()) record_.State(SourceState::kStale, "every edge node has died");
  const Watchdog::Advice advice = watchdog_.Check(context_.clock->MonotonicNs());
  if (advice == Watchdog::Advice::kNothing) return absl::OkStatus();
  record_.State(SourceState::kStale,
                absl::StrCat("no message for more than ", config_.stale_s, " s"));
  if (advice == Watchdog::Advice::kResubscribe) return connection.Subscribe();
  return absl::DeadlineExceededError("silent");
}

void MqttSource::Take(const MqttMessage& message) {
  watchdog_.Heard(context_.clock->MonotonicNs());
  record_.Message();
  SampleBatch batch;
  batch.arrived_ns = context_.clock->MonotonicNs();
  absl::Status taken;
  if (message.payload.size() > kMostPayloadBytes) {
    taken = absl::ResourceExhaustedError(
        absl::StrCat(message.payload.size(), " bytes are more than ", kMostPayloadBytes));
  } else if (std::holds_alternative<SparkplugFormat>(config_.format)) {
    taken = TakeSparkplug(message, &batch);
  } else {
    taken = TakeValues(message, &batch);
  }
  if (!taken.ok()) {
    record_.Refused(absl::StrCat("topic ", message.topic.substr(0, 256), ": ", taken.message()));
    return;
  }
  if (batch.samples.empty()) return;
  record_.Delivered(static_cast<int64_t>(batch.samples.size()), context_.clock->UnixNs());
  context_.sink->Accept(std::move(batch));
}

absl::Status MqttSource::TakeValues(const MqttMessage& message, SampleBatch* batch) {
  std::optional<TopicPattern::Names> names;
  for (const TopicPattern& pattern : patterns_) {
    if ((names = pattern.Match(message.topic))) break;
  }
  if (!names) return absl::InvalidArgumentError("a topic that was not asked for");
  if (const auto* json = std::get_if<JsonFormat>(&config_.format)) {
    MR_RETURN_IF_ERROR(ReadJsonPayload(*json, message.payload, &payload_));
  } else {
    MR_RETURN_IF_ERROR(
        ReadRawPayload(std::get<RawFormat>(config_.format), message.payload, &payload_));
  }
  if (message.retained) {
    // Nobody knows how old it is, unless it says so itself.
    std::erase_if(payload_.blocks, [](const PayloadBlock& block) { return !block.time_ns; });
  }
  const Arrival arrival{context_.clock->UnixNs(),
                        names->machine.empty() ? config_.machine : names->machine,
                        names->channel.empty() ? config_.channel : names->channel};
  AppendSamples(payload_, arrival, config_.timing, channels_, &batch->samples);
  return absl::OkStatus();
}

absl::Status MqttSource::TakeSparkplug(const MqttMessage& message, SampleBatch* batch) {
  MR_ASSIGN_OR_RETURN(SparkplugDecoder::Result result,
                      sparkplug_.Take(message.topic, message.payload, context_.clock->UnixNs(),
                                      context_.clock->MonotonicNs()));
  batch->samples = std::move(result.samples);
  if (!result.rebirth_topic.empty()) rebirth_topics_.push_back(std::move(result.rebirth_topic));
  if (!result.event.empty()) {
    LogWarning("Sparkplug", {{"source", record_.name()}, {"event", result.event}});
  }
  return absl::OkStatus();
}

}  // namespace millrace
