// SPDX-License-Identifier: Apache-2.0
#include "coordinator/config.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "plan/toml_reader.h"

namespace millrace {
namespace {

constexpr int64_t kMaxMegabytes = int64_t{1} << 40;

/// "host:port" with a port from 0 to 65535; an IPv6 address stands in brackets.
bool IsHostPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || colon == 0) return false;
  const absl::string_view host = text.substr(0, colon);
  const absl::string_view port = text.substr(colon + 1);
  const bool bracketed = host.front() == '[' && host.back() == ']' && host.size() > 2;
  if (host.find(':') != absl::string_view::npos && !bracketed) return false;
  int number = 0;
  return !port.empty() && port.size() <= 5 && absl::ascii_isdigit(port.front()) &&
         absl::SimpleAtoi(port, &number) && number <= 65535;
}

}  // namespace

absl::StatusOr<CoordinatorConfig> ParseCoordinatorConfig(absl::string_view toml,
                                                         const std::string& folder) {
  MR_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(toml));
  CoordinatorConfig config;

  TomlTable server = root.Table("server");
  if (server.NonEmptyString("listen", &config.listen) && !IsHostPort(config.listen)) {
    server.Refuse("listen", "must be host:port, such as 0.0.0.0:9443, with a port up to 65535");
  }
  server.Require("certificate", "the coordinator's certificate, a PEM file");
  server.NonEmptyString("certificate", &config.certificate);
  server.Require("key", "the certificate's private key, a PEM file");
  server.NonEmptyString("key", &config.key);
  server.Require("authority", "the federation authority's certificate, a PEM file");
  server.NonEmptyString("authority", &config.authority);

  TomlTable storage = root.Table("storage");
  storage.Require("folder", "where runs, models and updates are kept");
  storage.NonEmptyString("folder", &config.folder);
  storage.Int("min_free_mb", {0, kMaxMegabytes}, &config.min_free_mb);
  storage.Int("staging_mb", {0, kMaxMegabytes}, &config.staging_mb);
  storage.Int("keep_versions", {0, 1'000'000}, &config.keep_versions);
  storage.Int("keep_runs", {0, 1'000'000}, &config.keep_runs);
  storage.Int("quarantine_mb", {0, kMaxMegabytes}, &config.quarantine_mb);

  TomlTable limits = root.Table("limits");
  limits.Int("parameters", {1, kMaxParameters}, &config.max_parameters);
  limits.Int("uploads", {1, 100'000}, &config.calls.uploads);
  limits.Int("downloads", {1, 100'000}, &config.calls.downloads);
  limits.Int("site_calls", {4, 1000}, &config.calls.site_calls);
  limits.Int("site_calls_per_s", {1, 1'000'000}, &config.calls.site_calls_per_s);
  limits.Int("site_mb_per_s", {1, 1'000'000}, &config.calls.site_mb_per_s);
  int64_t stall_s = absl::ToInt64Seconds(config.calls.stall);
  limits.Int("stall_s", {1, 3600}, &stall_s);
  config.calls.stall = absl::Seconds(stall_s);
  limits.Int("buffers_mb", {16, 1 << 20}, &config.buffers_mb);
  root.Table("sites").Strings("allowed", &config.allowed);

  TomlTable metrics = root.Table("metrics");
  if (metrics.NonEmptyString("listen", &config.metrics_listen) &&
      !IsHostPort(config.metrics_listen)) {
    metrics.Refuse("listen", "must be host:port, such as 127.0.0.1:9464, with a port up to 65535");
  }

  constexpr NamedValue<bool> kFormats[] = {{"json", true}, {"text", false}};
  TomlTable log = root.Table("log");
  if (log.NonEmptyString("level", &config.log_level) && !IsLogLevel(config.log_level)) {
    log.Refuse("level", absl::StrCat("must be one of ", kLogLevels));
  }
  log.Enum("format", kFormats, &config.log_json);

  MR_RETURN_IF_ERROR(root.Finish());
  for (std::string* path : {&config.certificate, &config.key, &config.authority, &config.folder}) {
    *path = ResolvePath(folder, *path);
  }
  return config;
}

}  // namespace millrace
