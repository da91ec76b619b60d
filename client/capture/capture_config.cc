// SPDX-License-Identifier: Apache-2.0
#include "client/capture/capture_config.h"

#include "base/file_system.h"

namespace millrace {

CaptureConfig ReadCaptureConfig(TomlTable table, const std::string& base_directory) {
  constexpr double kLongestS = 86'400;
  CaptureConfig config;
  if (table.NonEmptyString("folder", &config.folder)) {
    config.folder = ResolvePath(base_directory, config.folder);
  }
  table.Double("before_s", {.min = 0, .max = kLongestS}, &config.before_s);
  table.Double("after_s", {.min = 0, .max = kLongestS}, &config.after_s);
  table.Double("refractory_s", {.min = 1, .max = 30 * kLongestS}, &config.refractory_s);
  table.Double("confidence_below", {.min = 0, .max = 1}, &config.confidence_below);
  table.Double("margin", {.min = 0, .max = 1}, &config.margin);
  table.Double("random_per_day", {.min = 0, .max = 10'000}, &config.random_per_day);
  table.Bool("button_http", &config.button_http);
  TomlTable quotas = table.Table("quota_mb");
  for (int i = 0; i < kCaptureTriggers; ++i) {
    quotas.Int(NameOf(static_cast<CaptureTrigger>(i)), {0, int64_t{1} << 24}, &config.quota_mb[i]);
  }
  if (config.button_http && config.quota_mb[static_cast<size_t>(CaptureTrigger::kButton)] == 0) {
    table.Refuse("button_http", "[capture.quota_mb] button keeps none");
  }
  return config;
}

}  // namespace millrace
