// SPDX-License-Identifier: Apache-2.0
#include "client/live/seen_recordings.h"

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace millrace {

absl::StatusOr<SeenRecordings> SeenRecordings::Load(FileSystem* files, const std::string& path) {
  SeenRecordings seen(files, path);
  if (!files->Exists(path)) return seen;
  MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(files, path));
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(' ', 2));
    Version version;
    if (parts.size() == 3 && absl::SimpleAtoi(parts[0], &version.size) &&
        absl::SimpleAtoi(parts[1], &version.changed_ns)) {
      seen.seen_[std::string(parts[2])] = version;
    }
  }
  return seen;
}

bool SeenRecordings::Has(const std::string& name, const FileVersion& version) const {
  const auto found = seen_.find(name);
  return found != seen_.end() && found->second == Version{version.size, version.changed_ns};
}

absl::Status SeenRecordings::Add(const std::string& name, const FileVersion& version) {
  seen_[name] = {version.size, version.changed_ns};
  std::string text;
  for (const auto& [seen_name, seen] : seen_) {
    absl::StrAppend(&text, seen.size, " ", seen.changed_ns, " ", seen_name, "\n");
  }
  return WriteFileDurably(files_, path_, text);
}

void SeenRecordings::KeepOnly(const std::set<std::string>& names) {
  std::erase_if(seen_, [&](const auto& entry) { return names.count(entry.first) == 0; });
}

}  // namespace millrace
