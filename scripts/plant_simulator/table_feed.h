// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "scripts/plant_simulator/plant_feed.h"

namespace millrace {

/// Appends each machine's rows to "<folder>/<machine>.csv": a header, then the time (Unix seconds)
/// and the channels, empty where a sensor says nothing. What a source of kind "file" follows, and
/// what [data] reads. Files that are there are replaced.
class TableFeed final : public PlantFeed {
 public:
  /// `files` outlives it.
  TableFeed(std::string folder, FileSystem* files) : folder_(std::move(folder)), files_(files) {}

  absl::Status Take(const PlantBlock& block) override;

 private:
  struct Table {
    std::unique_ptr<File> file;
    int64_t size = 0;
  };
  absl::StatusOr<Table> Begin(const PlantBlock& block);

  const std::string folder_;
  FileSystem* const files_;
  std::vector<Table> tables_;  // by machine
};

}  // namespace millrace
