// SPDX-License-Identifier: Apache-2.0
#include "client/live_config.h"

namespace millrace {

ServingDemands DemandsOf(const LiveConfig& config, int64_t processors) {
  return {config.machines, config.serving.budget_p99_ms, config.heartbeat.fresh_s,
          config.serving.WorkersOn(processors)};
}

LiveConfig ReadLiveConfig(TomlTable root, const std::string& folder) {
  LiveConfig config;
  TomlTable live = root.Table("live");
  if (live.NonEmptyString("http", &config.http) && config.http.rfind(':') == std::string::npos) {
    live.Refuse("http", "must be host:port, for example 127.0.0.1:9300");
  }
  live.Int("queue_samples", {1000, 1'000'000'000}, &config.queue_samples);
  config.sources = ReadSourceConfigs(root, folder);
  config.machines = ReadMachines(root);
  config.release = ReadReleasePolicy(root.Table("release"));
  if (root.Has("drift")) {
    const DriftParameters drift = ReadDriftParameters(root.Table("drift"));
    for (MachineConfig& machine : config.machines) machine.drift = drift;
  }
  if (root.Has("store")) config.store = ReadStoreConfig(root.Table("store"), folder);
  if (root.Has("capture")) {
    root.Require("store", "what captures are cut out of");
    config.capture = ReadCaptureConfig(root.Table("capture"), folder);
    if (config.capture->button_http && config.http.empty()) {
      root.Table("capture").Refuse("button_http", "needs [live] http, where it is served");
    }
  }
  config.heartbeat = ReadHeartbeat(root, config.machines);
  config.outputs = ReadOutputs(root, folder, config.machines);
  TomlTable serving = root.Table("serving");
  serving.Double("budget_p99_ms", {0, 1e6}, &config.serving.budget_p99_ms);
  serving.Int("workers", {0, ServingConfig::kMostWorkers}, &config.serving.workers);
  if (config.machines.empty() && (!config.sources.empty() || !config.http.empty() ||
                                  !config.outputs.empty() || config.store)) {
    root.Require("machine",
                 "what [[source]] tables bring data of, [live] tells of and [store] records");
  }
  return config;
}

}  // namespace millrace
