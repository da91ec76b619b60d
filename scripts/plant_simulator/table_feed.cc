// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/table_feed.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "scripts/plant_simulator/number_text.h"

namespace millrace {

absl::StatusOr<TableFeed::Table> TableFeed::Begin(const PlantBlock& block) {
  MR_RETURN_IF_ERROR(files_->CreateDirectories(folder_));
  Table table;
  MR_ASSIGN_OR_RETURN(table.file, files_->Open(absl::StrCat(folder_, "/", *block.machine, ".csv"),
                                               FileSystem::OpenMode::kCreate));
  MR_RETURN_IF_ERROR(table.file->Truncate(0));
  const std::string header = absl::StrCat("time,", absl::StrJoin(*block.channels, ","), "\n");
  MR_RETURN_IF_ERROR(table.file->WriteAt(0, header));
  table.size = static_cast<int64_t>(header.size());
  return table;
}

absl::Status TableFeed::Take(const PlantBlock& block) {
  if (tables_.size() <= block.index) tables_.resize(block.index + 1);
  Table& table = tables_[block.index];
  if (table.file == nullptr) {
    MR_ASSIGN_OR_RETURN(table, Begin(block));
  }
  const size_t channels = block.channels->size();
  std::string text;
  int64_t time_ns = block.time_ns;
  for (size_t row = 0; row < block.rows.size(); row += channels) {
    absl::StrAppendFormat(&text, "%d.%06d", time_ns / 1'000'000'000, time_ns / 1000 % 1'000'000);
    for (const float value : block.rows.subspan(row, channels)) {
      text.push_back(',');
      if (!std::isnan(value)) AppendNumber(value, &text);
    }
    text.push_back('\n');
    time_ns += block.period_ns;
  }
  MR_RETURN_IF_ERROR(table.file->WriteAt(table.size, text));
  table.size += static_cast<int64_t>(text.size());
  return absl::OkStatus();
}

}  // namespace millrace
