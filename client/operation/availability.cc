// SPDX-License-Identifier: Apache-2.0
#include "client/operation/availability.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr int64_t kMaxReason = 200;  // bytes

std::string PathIn(const std::string& folder) { return absl::StrCat(folder, "/paused"); }

}  // namespace

Availability::Availability(FileSystem* files, std::string folder,
                           std::vector<WeeklyWindow> maintenance, absl::TimeZone zone)
    : files_(files),
      folder_(std::move(folder)),
      maintenance_(std::move(maintenance)),
      zone_(zone) {}

std::string Availability::Objection(absl::Time now) const {
  const absl::StatusOr<std::string> reason = ReadFile(files_, PathIn(folder_), kMaxReason);
  if (reason.ok()) return absl::StrCat("paused at the site: ", *reason);
  // A pause that cannot be read is one all the same: somebody wanted it.
  if (!absl::IsNotFound(reason.status())) return "paused at the site";
  const auto window = std::ranges::find_if(
      maintenance_, [&](const WeeklyWindow& hours) { return hours.Contains(now, zone_); });
  if (window == maintenance_.end()) return "";
  return absl::StrCat("maintenance at the site, ", window->text());
}

absl::Status PauseSite(FileSystem* files, const std::string& folder, absl::string_view reason) {
  std::string line(absl::StripAsciiWhitespace(reason));
  const bool printable = std::ranges::none_of(line, [](char c) { return absl::ascii_iscntrl(c); });
  if (line.empty() || std::ssize(line) > kMaxReason || !printable) {
    return absl::InvalidArgumentError(
        absl::StrCat("reason: must be one line of 1 to ", kMaxReason, " bytes"));
  }
  return WriteFileDurably(files, PathIn(folder), line);
}

absl::Status ResumeSite(FileSystem* files, const std::string& folder) {
  const absl::Status removed = files->Remove(PathIn(folder));
  if (absl::IsNotFound(removed)) return absl::NotFoundError("the site is not paused");
  MR_RETURN_IF_ERROR(removed);
  return files->SyncDirectory(folder);
}

}  // namespace millrace
