// SPDX-License-Identifier: Apache-2.0
#include "client/config_watch.h"

#include <utility>

#include "base/file_system.h"
#include "plan/toml_reader.h"

namespace millrace {
namespace {

/// Empty if it cannot be read.
std::string TextOf(const std::string& path) {
  return ReadFile(PosixFileSystem(), path, static_cast<int64_t>(kMaxTomlBytes)).value_or("");
}

}  // namespace

ConfigWatch::ConfigWatch(std::string path) : path_(std::move(path)), text_(TextOf(path_)) {}

std::optional<absl::StatusOr<SiteConfig>> ConfigWatch::Changed() {
  std::string text = TextOf(path_);
  if (text.empty() || text == text_) return std::nullopt;
  text_ = std::move(text);
  return ReadSiteConfig(path_, SiteConfigUse::kDaemon);
}

}  // namespace millrace
