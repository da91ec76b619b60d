// SPDX-License-Identifier: Apache-2.0
#include "coordinator/config.h"

#include "base/file_system.h"
#include "base/status.h"
#include "plan/toml_reader.h"

namespace millrace {

absl::StatusOr<CoordinatorConfig> ParseCoordinatorConfig(absl::string_view toml,
                                                         const std::string& folder) {
  MR_ASSIGN_OR_RETURN(TomlTable root, TomlTable::Parse(toml));
  CoordinatorConfig config;

  TomlTable server = root.Table("server");
  server.NonEmptyString("listen", &config.listen);
  server.Require("certificate", "the coordinator's certificate, a PEM file");
  server.NonEmptyString("certificate", &config.certificate);
  server.Require("key", "the certificate's private key, a PEM file");
  server.NonEmptyString("key", &config.key);
  server.Require("authority", "the federation authority's certificate, a PEM file");
  server.NonEmptyString("authority", &config.authority);

  TomlTable storage = root.Table("storage");
  storage.Require("folder", "where runs, models and updates are kept");
  storage.NonEmptyString("folder", &config.folder);

  root.Table("sites").Strings("allowed", &config.allowed);

  constexpr NamedValue<bool> kFormats[] = {{"json", true}, {"text", false}};
  TomlTable log = root.Table("log");
  log.NonEmptyString("level", &config.log_level);
  log.Enum("format", kFormats, &config.log_json);

  MR_RETURN_IF_ERROR(root.Finish());
  for (std::string* path : {&config.certificate, &config.key, &config.authority, &config.folder}) {
    *path = ResolvePath(folder, *path);
  }
  return config;
}

}  // namespace millrace
