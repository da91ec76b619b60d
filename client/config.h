// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aggregation/secure/secure_floor.h"
#include "client/data/data_config.h"
#include "client/live_config.h"
#include "client/operation/transfer_pace.h"
#include "client/operation/weekly_window.h"

namespace millrace {

/// A site's TOML file: the daemon's, and what the training scripts read as a site's data. Relative
/// paths are meant from the file's folder.
struct SiteConfig {
  // [coordinator], [identity], [storage]: the daemon only
  std::string coordinator;  // host:port
  std::string certificate;  // PEM files
  std::string key;
  std::string authority;
  std::string folder;    // models, spooled updates
  int64_t quota_mb = 0;  // that the folder may take, MiB; 0: no limit
  // [link]
  std::string proxy;  // http://host:port for CONNECT; empty: none, or the environment's
  TransferRates rates;
  std::vector<HourlyRates> hours;
  // [maintenance]
  std::vector<WeeklyWindow> maintenance;  // when the site takes no work
  // [site]
  std::string name;  // of the training scripts' tables; the daemon's comes from its certificate
  // [training]
  int64_t threads = 1;      // of the training process
  bool cuda = true;         // where there is a device
  int64_t cpu_percent = 0;  // of one core, for the training process under systemd; 0: no limit
  int64_t memory_mb = 0;    // that the training process may allocate, MiB; 0: no limit
  // [secure]
  SecureFloor secure;  // what the site asks of every round
  // [live], [[source]], [[machine]]
  LiveConfig live;
  // [log]
  std::string log_level = "info";
  bool log_json = true;

  DataConfig data;                 // [data]: what the site trains on
  std::optional<DataConfig> test;  // [test]: what the training scripts evaluate on
};

enum class SiteConfigUse { kDaemon, kScript };

/// INVALID_ARGUMENT names key and reason. A script needs [data] only, a daemon the connection too.
absl::StatusOr<SiteConfig> ParseSiteConfig(absl::string_view toml, const std::string& folder,
                                           SiteConfigUse use);

/// The same from a file, which messages name.
absl::StatusOr<SiteConfig> ReadSiteConfig(const std::string& path, SiteConfigUse use);

}  // namespace millrace
