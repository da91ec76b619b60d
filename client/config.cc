// SPDX-License-Identifier: Apache-2.0
#include "client/config.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "plan/toml_reader.h"

namespace millrace {
namespace {

constexpr int64_t kMaxThreads = 256;
constexpr int64_t kMaxMemoryMb = int64_t{1} << 24;  // 16 TiB

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
}

}  // namespace

absl::StatusOr<SiteConfig> ParseSiteConfig(absl::string_view toml, const std::string& folder,
                                           SiteConfigUse use) {
  MR_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(toml));
  SiteConfig config;
  ReadConnection(root, use, config);
  root.Table("site").NonEmptyString("name", &config.name);

  TomlTable training = root.Table("training");
  training.Int("threads", {1, kMaxThreads}, &config.threads);
  training.Bool("cuda", &config.cuda);
  training.Int("memory_mb", {0, kMaxMemoryMb}, &config.memory_mb);

  constexpr NamedValue<bool> kFormats[] = {{"json", true}, {"text", false}};
  TomlTable log = root.Table("log");
  if (log.NonEmptyString("level", &config.log_level) && !IsLogLevel(config.log_level)) {
    log.Refuse("level", absl::StrCat("must be one of ", kLogLevels));
  }
  log.Enum("format", kFormats, &config.log_json);

  root.Require("data", "what the site trains on");
  config.data = ReadDataConfig(root.Table("data"), folder);
  if (root.Has("test")) config.test = ReadDataConfig(root.Table("test"), folder);

  MR_RETURN_IF_ERROR(root.Finish());
  for (std::string* path : {&config.certificate, &config.key, &config.authority, &config.folder}) {
    if (!path->empty()) *path = ResolvePath(folder, *path);
  }
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
