// SPDX-License-Identifier: Apache-2.0
#include "client/store/store_reader.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/store/alarm_log.h"

namespace millrace {
namespace {

constexpr int64_t kDayNs = int64_t{86'400} * 1'000'000'000;

}  // namespace

absl::StatusOr<StoreReader> StoreReader::Open(FileSystem* files, const std::string& folder,
                                              int64_t newest_bytes,
                                              const std::function<bool()>& halted) {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, files->List(folder));
  StoreReader reader(files);
  // The journal first: what goes from there to the store meanwhile is found twice, and not never.
  reader.List(folder + "/journal");
  for (auto name = names.rbegin(); name != names.rend() && newest_bytes > 0; ++name) {
    if (halted()) return absl::CancelledError(absl::StrCat(folder, ": nobody waits for it"));
    if (!absl::StrContains(*name, ".segment")) continue;
    newest_bytes -= reader.List(absl::StrCat(folder, "/", *name));
  }
  // Then the alarms: of the rows found, what is known of them is known here.
  MR_ASSIGN_OR_RETURN(reader.alarms_, ReadAlarms(files, absl::StrCat(folder, "/", kAlarmsFile)));
  std::ranges::stable_sort(reader.blocks_, {},
                           [](const Block& block) { return block.place.first_ns; });
  return reader;
}

int64_t StoreReader::List(const std::string& path) {
  const absl::StatusOr<std::unique_ptr<File>> file =
      files_->Open(path, FileSystem::OpenMode::kRead);
  if (!file.ok()) return 0;
  absl::StatusOr<SegmentScan> scan = ScanSegment(file->get(), /*read_rows=*/false);
  if (!scan.ok()) return 0;
  for (BlockPlace& place : scan->blocks) blocks_.push_back({path, std::move(place)});
  return scan->good_bytes;
}

std::vector<std::string> StoreReader::Machines() const {
  std::set<std::string> machines;
  for (const Block& block : blocks_) machines.insert(block.place.machine);
  return {machines.begin(), machines.end()};
}

int64_t StoreReader::end_ns(int64_t now_ns) const {
  const int64_t end_ns = std::min(now_ns, std::numeric_limits<int64_t>::max() - kDayNs) + kDayNs;
  const bool some = newest_ns(end_ns) > std::numeric_limits<int64_t>::min();
  return some ? end_ns : std::numeric_limits<int64_t>::max();
}

int64_t StoreReader::newest_ns(int64_t end_ns) const {
  int64_t newest_ns = std::numeric_limits<int64_t>::min();
  for (const Block& block : blocks_) {
    if (block.place.last_ns < end_ns) newest_ns = std::max(newest_ns, block.place.last_ns);
  }
  return newest_ns;
}

int64_t StoreReader::NewestWithin(int64_t bytes, std::span<const std::string> machines,
                                  int64_t end_ns) const {
  std::vector<const BlockPlace*> newest;
  for (const Block& block : blocks_) {
    const bool wanted =
        machines.empty() || std::ranges::find(machines, block.place.machine) != machines.end();
    if (wanted && block.place.first_ns < end_ns) newest.push_back(&block.place);
  }
  std::ranges::sort(newest, std::greater(), &BlockPlace::last_ns);
  for (const BlockPlace* place : newest) {
    bytes -= place->end - place->offset;
    if (bytes < 0) return std::min(place->last_ns, std::numeric_limits<int64_t>::max() - 1) + 1;
  }
  return std::numeric_limits<int64_t>::min();
}

void StoreReader::Read(absl::string_view machine, int64_t from_ns, int64_t to_ns,
                       const std::function<void(StoredRows)>& visit) const {
  std::string open_path;
  std::unique_ptr<File> open;
  for (const auto& [path, place] : blocks_) {
    if (place.machine != machine || place.last_ns < from_ns || place.first_ns >= to_ns) continue;
    if (path != open_path) {
      auto opened = files_->Open(path, FileSystem::OpenMode::kRead);
      open = opened.ok() ? *std::move(opened) : nullptr;
      open_path = path;
    }
    if (open == nullptr) continue;
    absl::StatusOr<StoredRows> rows = ReadBlock(open.get(), place);
    if (!rows.ok()) continue;
    rows->Trim(from_ns, to_ns);
    if (rows->rows() == 0) continue;
    from_ns = rows->last_ns() + 1;
    alarms_.Mark(*rows);
    visit(*std::move(rows));
  }
}

}  // namespace millrace
