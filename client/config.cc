// SPDX-License-Identifier: Apache-2.0
#include "client/config.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "client/operation/proxy_address.h"
#include "plan/plan_names.h"
#include "plan/toml_reader.h"

namespace millrace {
namespace {

constexpr int64_t kMaxThreads = 256;
constexpr int64_t kMaxMemoryMb = int64_t{1} << 24;  // 16 TiB
constexpr int64_t kLeastRateKb = 8;                 // below, transfers would count as stalled

void ReadConnection(TomlTable root, SiteConfigUse use, SiteConfig& config) {
  TomlTable coordinator = root.Table("coordinator");
  TomlTable identity = root.Table("identity");
  TomlTable storage = root.Table("storage");
  if (use == SiteConfigUse::kDaemon) {
    coordinator.Require("address", "the coordinator's host:port");
    identity.Require("certificate", "this site's certificate, a PEM file");
    identity.Require("key", "the certificate's private key, a PEM file");
    identity.Require("authority", "the federation authority's certificate, a PEM file");
    storage.Require("folder", "where models and spooled updates are kept");
  }
  coordinator.NonEmptyString("address", &config.coordinator);
  identity.NonEmptyString("certificate", &config.certificate);
  identity.NonEmptyString("key", &config.key);
  identity.NonEmptyString("authority", &config.authority);
  storage.NonEmptyString("folder", &config.folder);
  storage.Int("quota_mb", {0, kMaxMemoryMb}, &config.quota_mb);
}

TransferRates ReadRates(TomlTable table) {
  constexpr IntRange kRange{0, 10'000'000};
  TransferRates rates;
  for (const auto& [key, rate] :
       {std::pair("upload_kb_per_s", &rates.up), std::pair("download_kb_per_s", &rates.down)}) {
    int64_t kilobytes = 0;
    if (table.Int(key, kRange, &kilobytes) && kilobytes > 0 && kilobytes < kLeastRateKb) {
      table.Refuse(key, absl::StrCat("must be 0, for no limit, or at least ", kLeastRateKb));
    }
    *rate = kilobytes * 1000;
  }
  return rates;
}

std::optional<WeeklyWindow> ReadWindow(TomlTable table, absl::string_view key,
                                       const std::string& text) {
  absl::StatusOr<WeeklyWindow> window = WeeklyWindow::Parse(text);
  if (window.ok()) return *std::move(window);
  table.Refuse(key, window.status().message());
  return std::nullopt;
}

void ReadOperation(TomlTable root, SiteConfig& config) {
  TomlTable link = root.Table("link");
  if (link.NonEmptyString("proxy", &config.proxy)) {
    const absl::Status proxy = CheckProxyAddress(config.proxy);
    if (!proxy.ok()) link.Refuse("proxy", proxy.message());
  }
  config.rates = ReadRates(link);
  for (TomlTable hours : link.Tables("hours")) {
    std::string when;
    hours.Require("when", "the hours at which these rates count");
    const TransferRates rates = ReadRates(hours);
    if (!hours.NonEmptyString("when", &when)) continue;
    if (std::optional<WeeklyWindow> window = ReadWindow(hours, "when", when)) {
      config.hours.push_back({*std::move(window), rates});
    }
  }
  TomlTable maintenance = root.Table("maintenance");
  std::vector<std::string> windows;
  maintenance.Strings("windows", &windows);
  for (const std::string& text : windows) {
    if (std::optional<WeeklyWindow> window = ReadWindow(maintenance, "windows", text)) {
      config.maintenance.push_back(*std::move(window));
    }
  }
}

void ReadSecure(TomlTable table, SecureFloor& floor) {
  table.Enum("at_least", kSecureModes, &floor.at_least);
  table.Int("minimum_cohort", {4, kMaxCohort}, &floor.minimum_cohort);
  table.Int("corrupt", {0, kMaxCohort - 3}, &floor.corrupt);
}

/// Fills in what lies in the state folder unless the file says otherwise: the daemon's recordings
/// and captures, and where [data] finds them.
void PlaceRecordings(TomlTable root, SiteConfig& config) {
  const auto in_state = [&](const char* name) {
    return config.folder.empty() ? "" : config.folder + name;
  };
  std::string recordings = in_state("/recordings");
  std::string captures = in_state("/captures");
  if (config.live.store) {
    std::string& folder = config.live.store->folder;
    if (folder.empty()) folder = recordings;
    recordings = folder;
  }
  if (config.live.capture) {
    std::string& folder = config.live.capture->folder;
    if (folder.empty()) folder = captures;
    captures = folder;
  }
  const auto place = [&](const char* table, DataConfig& data) {
    data.captures_folder = captures;
    if (data.kind != DataKind::kStore && data.kind != DataKind::kCaptures) return;
    if (data.path.empty()) data.path = data.kind == DataKind::kStore ? recordings : captures;
    if (data.path.empty()) root.Table(table).Require("path", "there is no [storage] folder");
  };
  place("data", config.data);
  if (config.test) place("test", *config.test);
}

/// As much of the recordings trains as fits in the memory that training may have.
void LimitRecordings(int64_t memory_mb, DataConfig& data) {
  constexpr int64_t kRowsGrow = 3;  // from the disk to memory, at most, while they are read
  const bool recorded = data.kind == DataKind::kStore || data.kind == DataKind::kCaptures;
  if (memory_mb == 0 || !recorded) return;
  data.max_bytes = std::min(data.max_bytes, (memory_mb << 20) / kRowsGrow);
}

}  // namespace

absl::StatusOr<SiteConfig> ParseSiteConfig(absl::string_view toml, const std::string& folder,
                                           SiteConfigUse use) {
  MR_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(toml));
  SiteConfig config;
  ReadConnection(root, use, config);
  root.Table("site").NonEmptyString("name", &config.name);

  ReadOperation(root, config);
  TomlTable training = root.Table("training");
  training.Int("threads", {1, kMaxThreads}, &config.threads);
  training.Bool("cuda", &config.cuda);
  training.Int("cpu_percent", {0, 100 * kMaxThreads}, &config.cpu_percent);
  training.Int("memory_mb", {0, kMaxMemoryMb}, &config.memory_mb);

  ReadSecure(root.Table("secure"), config.secure);

  config.live = ReadLiveConfig(root, folder);

  constexpr NamedValue<bool> kFormats[] = {{"json", true}, {"text", false}};
  TomlTable log = root.Table("log");
  if (log.NonEmptyString("level", &config.log_level) && !IsLogLevel(config.log_level)) {
    log.Refuse("level", absl::StrCat("must be one of ", kLogLevels));
  }
  log.Enum("format", kFormats, &config.log_json);

  root.Require("data", "what the site trains on");
  config.data = ReadDataConfig(root.Table("data"), folder);
  if (root.Has("test")) config.test = ReadDataConfig(root.Table("test"), folder);
  LimitRecordings(config.memory_mb, config.data);
  if (config.data.kind == DataKind::kStore) config.live.trained_days = config.data.days;

  for (std::string* path : {&config.certificate, &config.key, &config.authority, &config.folder}) {
    if (!path->empty()) *path = ResolvePath(folder, *path);
  }
  PlaceRecordings(root, config);
  MR_RETURN_IF_ERROR(root.Finish());
  config.live.release.authority = config.authority;
  return config;
}

absl::StatusOr<SiteConfig> ReadSiteConfig(const std::string& path, SiteConfigUse use) {
  MR_ASSIGN_OR_RETURN(const std::string text,
                      ReadFile(PosixFileSystem(), path, static_cast<int64_t>(kMaxTomlBytes)));
  absl::StatusOr<SiteConfig> config = ParseSiteConfig(text, DirectoryOf(path), use);
  if (!config.ok()) return Annotate(config.status(), path);
  if (config->name.empty()) {
    const size_t slash = path.rfind('/');
    const std::string file = slash == std::string::npos ? path : path.substr(slash + 1);
    config->name = file.substr(0, file.rfind('.'));
  }
  return config;
}

}  // namespace millrace
