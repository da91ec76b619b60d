// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/random.h"
#include "base/steady_notification.h"
#include "client/live/mqtt_config.h"
#include "client/live/mqtt_connection.h"
#include "client/live/payload.h"
#include "client/live/source.h"
#include "client/live/source_record.h"
#include "client/live/sparkplug_decoder.h"
#include "client/live/stream_channels.h"
#include "client/live/topic_pattern.h"
#include "client/live/watchdog.h"

namespace millrace {

/// Reads a broker's messages. A connection that fails is made again, after ever longer waits; one
/// that falls silent is asked again for the topics and then made anew.
class MqttSource final : public Source {
 public:
  /// `config` has passed ReadSourceConfigs.
  MqttSource(const std::string& name, const MqttConfig& config,
             const std::vector<ChannelRename>& renames, const SourceContext& context);

  void Run() override;
  void Stop() override { stopped_.Notify(); }
  SourceStatus Status() const override { return record_.Status(); }

 private:
  /// One connection from its beginning to its end, or until Stop. Whether it was ever up.
  bool Connect();
  absl::Status Serve(MqttConnection& connection);
  absl::Status Watch(MqttConnection& connection);
  void WatchValues(int64_t now_ns);
  void Take(const MqttMessage& message);
  absl::Status Read(const MqttMessage& message, std::vector<Sample>* samples);
  absl::Status ReadValues(const MqttMessage& message, std::vector<Sample>* samples);
  absl::Status ReadSparkplug(const MqttMessage& message, std::vector<Sample>* samples);

  const MqttConfig config_;
  const SourceContext context_;
  std::vector<TopicPattern> patterns_;
  SourceRecord record_;
  StreamChannels channels_;
  SparkplugDecoder sparkplug_;
  Watchdog messages_;      // of whatever kind: else the connection is made anew
  Watchdog values_;        // that are handed on: else the source is stale
  std::string fruitless_;  // why messages since the last such values brought none
  bool silent_ = false;    // no message comes
  Random random_;
  Payload payload_;                          // kept for its memory
  std::vector<std::string> rebirth_topics_;  // to be asked for
  SteadyNotification stopped_;
};

}  // namespace millrace
