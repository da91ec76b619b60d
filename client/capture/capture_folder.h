// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/file_system.h"
#include "client/capture/capture.h"
#include "client/capture/capture_label.h"

namespace millrace {

/// One capture as it is listed.
struct CaptureEntry {
  std::string id;
  CaptureEvent event;
  int64_t bytes = 0;
  std::optional<CaptureLabel> label;
};

/// Which of a class's captures has to go next, an index into `entries`: those without a label
/// before those with one, since somebody has looked at these; of the older half of them the least
/// surprising, the oldest of equals. `entries` is not empty.
size_t FirstToGo(const std::vector<CaptureEntry>& entries);

/// The captures of a site, each a file of its own with its label beside it. The daemon adds, people
/// and training read and label, each with an object of their own. Not thread-safe.
class CaptureFolder {
 public:
  /// `files` outlives it.
  CaptureFolder(FileSystem* files, std::string folder)
      : files_(files), folder_(std::move(folder)) {}

  const std::string& folder() const { return folder_; }

  /// By time. What is damaged is passed over and its path put into `*damaged`, if that is given. No
  /// folder: no captures.
  absl::StatusOr<std::vector<CaptureEntry>> List(std::vector<std::string>* damaged = nullptr) const;
  /// NOT_FOUND names the id; DATA_LOSS if it is damaged.
  absl::StatusOr<Capture> Read(absl::string_view id) const;

  /// Durably, in place of an earlier label. NOT_FOUND if there is no such capture.
  absl::Status SetLabel(absl::string_view id, const CaptureLabel& label);
  absl::Status RemoveLabel(absl::string_view id);

  // What was called for, and waits for its rows.

  /// Durable when this succeeds. ALREADY_EXISTS if it waits already or is there.
  absl::Status Announce(const CaptureEvent& event);
  absl::StatusOr<std::vector<CaptureEvent>> Announced() const;
  absl::Status Withdraw(const CaptureEvent& event);
  /// Durably the capture in place of its announcement, within `quota_bytes` for its class:
  /// others go for it. INVALID_ARGUMENT if it is too large by itself.
  absl::Status Add(const Capture& capture, int64_t quota_bytes);

  // The operator's button.

  /// Has the daemon capture what `machine` does now. INVALID_ARGUMENT for a name that is none.
  absl::Status Request(absl::string_view machine, absl::string_view note);
  struct RequestNote {
    std::string machine;
    std::string note;
  };
  /// Each once.
  absl::StatusOr<std::vector<RequestNote>> TakeRequests();

 private:
  std::string PathOf(absl::string_view id, absl::string_view suffix) const;
  absl::StatusOr<std::string> CapturePath(absl::string_view id) const;
  absl::Status MakeFolder();
  absl::Status MakeRoom(CaptureTrigger trigger, int64_t bytes, int64_t quota_bytes);

  FileSystem* files_;
  std::string folder_;
};

}  // namespace millrace
