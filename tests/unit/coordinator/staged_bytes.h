// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"

namespace millrace::testing {

/// Bytes of all files under an upload area's folder: <run>/<round>/<file>.
inline int64_t StagedBytes(FileSystem& files, const std::string& folder) {
  int64_t bytes = 0;
  const std::vector<std::string> runs = files.List(folder).value();
  for (const std::string& run : runs) {
    const std::string run_folder = absl::StrCat(folder, "/", run);
    const std::vector<std::string> rounds = files.List(run_folder).value();
    for (const std::string& round : rounds) {
      const std::string round_folder = absl::StrCat(run_folder, "/", round);
      const auto names = files.List(round_folder);
      if (!names.ok()) continue;  // a file system that keeps the entries of folders it removed
      for (const std::string& name : *names) {
        const std::string path = absl::StrCat(round_folder, "/", name);
        bytes += files.Open(path, FileSystem::OpenMode::kRead).value()->Size().value();
      }
    }
  }
  return bytes;
}

}  // namespace millrace::testing
