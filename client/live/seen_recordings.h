// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "client/live/file_version.h"

namespace millrace {

/// Which recordings of a folder have been read, over restarts: a text file with a line of size,
/// time of change and name for each. A recording that is there in another version is a new one. Not
/// thread-safe.
class SeenRecordings {
 public:
  /// Lines that cannot be read are as if they were not there: what they name is read once more.
  static absl::StatusOr<SeenRecordings> Load(FileSystem* files, const std::string& path);

  bool Has(const std::string& name, const FileVersion& version) const;
  /// Durable when it returns.
  absl::Status Add(const std::string& name, const FileVersion& version);
  /// Forgets what is not there any more, with the next Add.
  void KeepOnly(const std::set<std::string>& names);

 private:
  struct Version {
    int64_t size = 0;
    int64_t changed_ns = 0;
    bool operator==(const Version&) const = default;
  };

  SeenRecordings(FileSystem* files, const std::string& path) : files_(files), path_(path) {}

  FileSystem* files_;
  std::string path_;
  std::map<std::string, Version> seen_;
};

}  // namespace millrace
