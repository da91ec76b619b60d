// SPDX-License-Identifier: Apache-2.0
#include "client/data/glob.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "base/status.h"
#include "client/data/site_message.h"

namespace millrace {

bool MatchesWildcard(absl::string_view name, absl::string_view pattern) {
  size_t n = 0;
  size_t p = 0;
  // Where to go on when the text after the latest '*' does not fit: let it take one more.
  size_t retry_n = 0;
  size_t retry_p = absl::string_view::npos;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      retry_p = ++p;
      retry_n = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (retry_p != absl::string_view::npos) {
      p = retry_p;
      n = ++retry_n;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

absl::StatusOr<std::vector<std::string>> ExpandPath(const std::string& path) {
  FileSystem* const files = PosixFileSystem();
  if (path.find('*') == std::string::npos) {
    if (!files->Exists(path)) {
      return SiteMessage(Private{path, "[data] path"}, ": no such file")
          .ToStatus(absl::StatusCode::kNotFound);
    }
    return std::vector<std::string>{path};
  }
  const std::string folder = DirectoryOf(path);
  const std::string pattern = std::filesystem::path(path).filename().string();
  if (folder.find('*') != std::string::npos) {
    return SiteMessage(Private{path, "[data] path"},
                       ": '*' can stand in the file's name only, not in its folder's")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, files->List(folder));
  std::vector<std::string> found;
  for (const std::string& name : names) {
    if (name.front() == '.' && pattern.front() != '.') continue;
    if (!MatchesWildcard(name, pattern)) continue;
    const std::filesystem::path entry = std::filesystem::path(folder) / name;
    std::error_code ignored;
    if (!std::filesystem::is_directory(entry, ignored)) found.push_back(entry.string());
  }
  if (found.empty()) {
    return SiteMessage(Private{path, "[data] path"}, ": no file of ", Private{folder, "its folder"},
                       " matches")
        .ToStatus(absl::StatusCode::kNotFound);
  }
  return found;
}

}  // namespace millrace
