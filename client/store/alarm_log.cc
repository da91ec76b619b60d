// SPDX-License-Identifier: Apache-2.0
#include "client/store/alarm_log.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/crypto/digest.h"
#include "base/log.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr int64_t kMostAlarmBytes = int64_t{128} << 20;
constexpr int64_t kGrowth = int64_t{64} << 10;  // bytes that may come in any case

std::string CheckOfLine(absl::string_view rest) {
  return absl::BytesToHexString(Sha256Of(rest).ToBytes().substr(0, 8));
}

std::string LinesOf(const AlarmTimes& alarms) {
  std::string lines;
  for (const auto& [machine, intervals] : alarms.by_machine()) {
    for (const auto& [first_ns, last_ns] : intervals) {
      const std::string rest = absl::StrCat(first_ns, " ", last_ns, " ", machine);
      absl::StrAppend(&lines, CheckOfLine(rest), " ", rest, "\n");
    }
  }
  return lines;
}

bool AddLine(absl::string_view line, AlarmTimes& alarms) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(line, absl::MaxSplits(' ', 1));
  if (CheckOfLine(parts.second) != parts.first) return false;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(parts.second, absl::MaxSplits(' ', 2));
  int64_t first_ns = 0;
  int64_t last_ns = 0;
  return fields.size() == 3 && absl::SimpleAtoi(fields[0], &first_ns) &&
         absl::SimpleAtoi(fields[1], &last_ns) && alarms.Add(fields[2], first_ns, last_ns);
}

}  // namespace

absl::StatusOr<AlarmTimes> ReadAlarms(FileSystem* files, const std::string& path) {
  AlarmTimes alarms;
  if (!files->Exists(path)) return alarms;
  MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(files, path, kMostAlarmBytes));
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  lines.pop_back();  // behind the last end of a line
  const auto damaged =
      std::ranges::count_if(lines, [&](absl::string_view line) { return !AddLine(line, alarms); });
  if (damaged > 0) {
    LogError("rows of some alarms may train as normal",
             {{"file", path}, {"damaged_lines", damaged}});
  }
  return alarms;
}

absl::StatusOr<std::unique_ptr<AlarmLog>> AlarmLog::Open(FileSystem* files,
                                                         const std::string& path) {
  MR_ASSIGN_OR_RETURN(AlarmTimes times, ReadAlarms(files, path));
  // Its end may be torn: the first to come writes it anew.
  return std::unique_ptr<AlarmLog>(new AlarmLog(files, path, std::move(times)));
}

absl::Status AlarmLog::Add(const AlarmTimes& alarms) {
  if (alarms.empty()) return Sync();
  times_.Add(alarms);
  const std::string lines = LinesOf(alarms);
  const auto bytes = static_cast<int64_t>(lines.size());
  if (behind_ || file_ == nullptr || bytes_ + bytes > 2 * bytes_anew_ + kGrowth) {
    behind_ = true;
    return Sync();
  }
  return Append(lines);
}

absl::Status AlarmLog::Append(const std::string& lines) {
  absl::Status written = file_->WriteAt(bytes_, lines);
  if (written.ok()) written = file_->Sync();
  if (written.ok()) {
    bytes_ += static_cast<int64_t>(lines.size());
  } else {
    behind_ = true;
  }
  return written;
}

absl::Status AlarmLog::Sync() {
  if (!behind_) return absl::OkStatus();
  MR_RETURN_IF_ERROR(WriteAnew());
  behind_ = false;
  return absl::OkStatus();
}

absl::Status AlarmLog::WriteAnew() {
  const std::string lines = LinesOf(times_);
  file_ = nullptr;
  MR_RETURN_IF_ERROR(WriteFileDurably(files_, path_, lines));
  MR_ASSIGN_OR_RETURN(file_, files_->Open(path_, FileSystem::OpenMode::kReadWrite));
  bytes_ = bytes_anew_ = static_cast<int64_t>(lines.size());
  return absl::OkStatus();
}

}  // namespace millrace
