// SPDX-License-Identifier: Apache-2.0
#include "client/store/store_config.h"

#include "absl/time/time.h"
#include "base/file_system.h"

namespace millrace {

SampleStore::Limits StoreConfig::limits() const {
  SampleStore::Limits limits;
  limits.quota_bytes = quota_mb << 20;
  limits.retention = absl::Hours(24 * keep_days);
  return limits;
}

StoreConfig ReadStoreConfig(TomlTable table, const std::string& base_directory) {
  constexpr int64_t kLeastMb = 64;  // four segments: less would often be none
  StoreConfig config;
  if (table.NonEmptyString("folder", &config.folder)) {
    config.folder = ResolvePath(base_directory, config.folder);
  }
  table.Int("quota_mb", {kLeastMb, int64_t{1} << 24}, &config.quota_mb);
  table.Int("keep_days", {1, 36'500}, &config.keep_days);
  return config;
}

}  // namespace millrace
