// SPDX-License-Identifier: Apache-2.0
#include "client/live/source_set.h"

#include <algorithm>

#include "base/log.h"
#include "client/live/file_source.h"
#include "client/live/modbus_source.h"
#include "client/live/mqtt_source.h"
#include "client/live/recordings_source.h"
#include "client/live/replay_source.h"

namespace millrace {
namespace {

struct Make {
  const SourceConfig& config;
  const SourceContext& context;

  template <typename T, typename Kind>
  std::unique_ptr<Source> Of(const Kind& kind) const {
    return std::make_unique<T>(config.name, kind, config.renames, context);
  }
  std::unique_ptr<Source> operator()(const MqttConfig& kind) const { return Of<MqttSource>(kind); }
  std::unique_ptr<Source> operator()(const ModbusConfig& kind) const {
    return Of<ModbusSource>(kind);
  }
  std::unique_ptr<Source> operator()(const FileConfig& kind) const { return Of<FileSource>(kind); }
  std::unique_ptr<Source> operator()(const RecordingsConfig& kind) const {
    return Of<RecordingsSource>(kind);
  }
  std::unique_ptr<Source> operator()(const ReplayConfig& kind) const {
    return Of<ReplaySource>(kind);
  }
};

}  // namespace

std::unique_ptr<Source> NewSource(const SourceConfig& config, const SourceContext& context) {
  return std::visit(Make{config, context}, config.kind);
}

SourceSet::~SourceSet() { Reconfigure({}); }

void SourceSet::Stop(std::vector<Running> sources) {
  for (Running& running : sources) running.source->Stop();
  for (Running& running : sources) {
    running.thread.join();
    LogInfo("source stopped", {{"source", running.config.name}});
  }
}

void SourceSet::Reconfigure(const std::vector<SourceConfig>& configs) {
  absl::MutexLock changing(&changing_);
  std::vector<Running> gone;
  {
    absl::MutexLock lock(&mutex_);
    for (auto running = running_.begin(); running != running_.end();) {
      const bool stays =
          std::find(configs.begin(), configs.end(), running->second.config) != configs.end();
      if (!stays) gone.push_back(std::move(running->second));
      running = stays ? std::next(running) : running_.erase(running);
    }
  }
  Stop(std::move(gone));  // before what takes its place uses the same client id or state file
  absl::MutexLock lock(&mutex_);
  for (const SourceConfig& config : configs) {
    if (running_.count(config.name) > 0) continue;
    Running& running = running_[config.name];
    running.config = config;
    running.source = factory_(config);
    running.thread = std::thread([source = running.source.get()] { source->Run(); });
    LogInfo("source started", {{"source", config.name}});
  }
}

void SourceSet::Halt() const {
  absl::MutexLock lock(&mutex_);
  for (const auto& [name, running] : running_) running.source->Stop();
}

std::map<std::string, SourceStatus> SourceSet::Statuses() const {
  absl::MutexLock lock(&mutex_);
  std::map<std::string, SourceStatus> statuses;
  for (const auto& [name, running] : running_) statuses[name] = running.source->Status();
  return statuses;
}

}  // namespace millrace
