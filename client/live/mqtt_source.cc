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
#include "client/live/delivery.h"
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
      messages_(static_cast<int64_t>(config.stale_s * kNsPerS)),
      values_(static_cast<int64_t>(config.stale_s * kNsPerS)),
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
      messages_.Heard(now_ns);
      values_.Heard(now_ns);
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
  const int64_t now_ns = context_.clock->MonotonicNs();
  const Watchdog::Advice advice = messages_.Check(now_ns);
  silent_ = silent_ || advice != Watchdog::Advice::kNothing;
  WatchValues(now_ns);
  if (advice == Watchdog::Advice::kNothing) return absl::OkStatus();
  if (advice == Watchdog::Advice::kResubscribe) return connection.Subscribe();
  return absl::DeadlineExceededError("silent");
}

/// Messages that bring no values do not keep a source fresh.
void MqttSource::WatchValues(int64_t now_ns) {
  if (sparkplug_.AllDead()) {
    record_.State(SourceState::kStale, "every edge node has died");
  } else if (values_.Check(now_ns) != Watchdog::Advice::kNothing) {
    record_.State(SourceState::kStale,
                  silent_ || fruitless_.empty()
                      ? absl::StrCat("no message for more than ", config_.stale_s, " s")
                      : fruitless_);
  }
}

void MqttSource::Take(const MqttMessage& message) {
  const int64_t arrived_ns = context_.clock->MonotonicNs();
  messages_.Heard(arrived_ns);
  silent_ = false;
  record_.Message();
  std::vector<Sample> samples;
  const absl::Status read = Read(message, &samples);
  if (!read.ok()) {
    record_.Refused(absl::StrCat("topic ", message.topic.substr(0, 256), ": ", read.message()));
  }
  RefuseFuture(samples, context_, record_);
  if (!samples.empty()) {
    values_.Heard(arrived_ns);
    fruitless_.clear();
    Deliver(std::move(samples), arrived_ns, context_, record_);
    return;
  }
  if (!fruitless_.empty()) return;
  const SourceStatus status = record_.Status();
  fruitless_ = status.refused > 0
                   ? absl::StrCat("connected; all payloads refused: ", status.last_refusal)
                   : "connected; no message brings values of channels that the site knows";
  if (status.state == SourceState::kConnecting) record_.State(status.state, fruitless_);
}

absl::Status MqttSource::Read(const MqttMessage& message, std::vector<Sample>* samples) {
  if (message.payload.size() > kMostPayloadBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(message.payload.size(), " bytes are more than ", kMostPayloadBytes));
  }
  return std::holds_alternative<SparkplugFormat>(config_.format) ? ReadSparkplug(message, samples)
                                                                 : ReadValues(message, samples);
}

absl::Status MqttSource::ReadValues(const MqttMessage& message, std::vector<Sample>* samples) {
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
  AppendSamples(payload_, arrival, config_.timing, channels_, samples);
  return absl::OkStatus();
}

absl::Status MqttSource::ReadSparkplug(const MqttMessage& message, std::vector<Sample>* samples) {
  MR_ASSIGN_OR_RETURN(SparkplugDecoder::Result result,
                      sparkplug_.Take(message.topic, message.payload, context_.clock->UnixNs(),
                                      context_.clock->MonotonicNs()));
  *samples = std::move(result.samples);
  if (!result.rebirth_topic.empty()) rebirth_topics_.push_back(std::move(result.rebirth_topic));
  if (!result.event.empty()) {
    LogWarning("Sparkplug", {{"source", record_.name()}, {"event", result.event}});
  }
  return absl::OkStatus();
}

}  // namespace millrace
