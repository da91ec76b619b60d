// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/file_system.h"
#include "client/operation/weekly_window.h"

namespace millrace {

/// Whether a site wants to take part in rounds now: the plant's people can pause it, and have hours
/// at which nothing is to disturb their machines. A pause is a file in the state folder, so that it
/// outlives the daemon and can be set while that is down.
class Availability {
 public:
  /// `files` outlives it.
  Availability(FileSystem* files, std::string folder, std::vector<WeeklyWindow> maintenance,
               absl::TimeZone zone);

  /// Why the site takes no work now, in one line for the operator; empty if it does.
  std::string Objection(absl::Time now) const;

 private:
  FileSystem* const files_;
  const std::string folder_;
  const std::vector<WeeklyWindow> maintenance_;
  const absl::TimeZone zone_;
};

/// Pauses the site whose state is in `folder`, for a `reason` of one line.
absl::Status PauseSite(FileSystem* files, const std::string& folder, absl::string_view reason);
/// Ends the pause. NOT_FOUND if there is none.
absl::Status ResumeSite(FileSystem* files, const std::string& folder);

}  // namespace millrace
