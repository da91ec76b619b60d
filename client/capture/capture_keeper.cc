// SPDX-License-Identifier: Apache-2.0
#include "client/capture/capture_keeper.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr double kNsOfASecond = 1e9;
constexpr size_t kMostWaiting = 1000;
constexpr int64_t kRetryNs = 10'000'000'000;  // a disk that is full stays so for a while
constexpr double kSlackS = 30;  // for rows that wait for a late channel, and a machine that pauses

int64_t NsOf(double seconds) { return static_cast<int64_t>(seconds * kNsOfASecond); }

}  // namespace

int64_t CaptureKeeper::PatienceNs() const { return NsOf(config_.after_s + kSlackS); }

absl::Status CaptureKeeper::Load(int64_t monotonic_ns) {
  MR_ASSIGN_OR_RETURN(std::vector<CaptureEvent> events, folder_.Announced());
  for (CaptureEvent& event : events) {
    waiting_.push_back({std::move(event), monotonic_ns + PatienceNs(), 0, {}});
  }
  return absl::OkStatus();
}

absl::Status CaptureKeeper::Announce(CaptureEvent event, int64_t monotonic_ns) {
  if (config_.quota_mb[static_cast<size_t>(event.trigger)] == 0) return absl::OkStatus();
  if (waiting_.size() >= kMostWaiting) {
    ++counts_.lost;
    return absl::ResourceExhaustedError(
        absl::StrCat("capture ", event.Id(), ": ", kMostWaiting, " wait already"));
  }
  event.from_ns = event.time_ns - event.window_ns - NsOf(config_.before_s);
  event.to_ns = event.time_ns + NsOf(config_.after_s) + 1;
  const absl::Status announced = folder_.Announce(event);
  if (absl::IsAlreadyExists(announced)) return absl::OkStatus();
  // Also where the disk is full: memory may outlast that.
  waiting_.push_back({std::move(event), monotonic_ns + PatienceNs(), 0, {}});
  return announced;
}

absl::Status CaptureKeeper::Press(const CaptureFolder::RequestNote& request, int64_t now_ns,
                                  int64_t monotonic_ns) {
  CaptureEvent event;
  event.machine = request.machine;
  event.trigger = CaptureTrigger::kButton;
  const int64_t newest_ns = recordings_->NewestOf(request.machine);
  event.time_ns = newest_ns == std::numeric_limits<int64_t>::min() ? now_ns : newest_ns;
  event.reason = request.note.empty() ? "the operator asked for it" : request.note;
  return Announce(std::move(event), monotonic_ns);
}

absl::Status CaptureKeeper::TakeRequests(const std::vector<std::string>& machines, int64_t now_ns,
                                         int64_t monotonic_ns) {
  MR_ASSIGN_OR_RETURN(const std::vector<CaptureFolder::RequestNote> requests,
                      folder_.TakeRequests());
  absl::Status worst;
  for (const CaptureFolder::RequestNote& request : requests) {
    if (std::ranges::find(machines, request.machine) == machines.end()) {
      LogWarning("no capture of a machine that is none", {{"machine", request.machine}});
      continue;
    }
    worst.Update(Press(request, now_ns, monotonic_ns));
  }
  return worst;
}

absl::Status CaptureKeeper::Take(const CaptureEvent& event) {
  Capture capture{event, {}};
  recordings_->Read(event.machine, event.from_ns, event.to_ns, [&](StoredRows rows) {
    // After a crash the same rows may be there twice.
    if (!capture.rows.empty()) rows.Trim(capture.rows.back().last_ns() + 1, event.to_ns);
    if (rows.rows() == 0) return;
    constexpr int64_t kAnyNumber = std::numeric_limits<int64_t>::max();
    if (!capture.rows.empty() && capture.rows.back().Continue(rows, kAnyNumber)) return;
    capture.rows.push_back(std::move(rows));
  });
  if (capture.rows.empty()) {
    ++counts_.lost;
    LogWarning("capture without rows", {{"capture", event.Id()}});
    return folder_.Withdraw(event);
  }
  const auto trigger = static_cast<size_t>(event.trigger);
  const absl::Status added = folder_.Add(capture, config_.quota_mb[trigger] << 20);
  if (absl::IsInvalidArgument(added)) {
    ++counts_.lost;
    LogWarning("capture is too large", {{"reason", added.message()}});
    return folder_.Withdraw(event);
  }
  MR_RETURN_IF_ERROR(added);
  ++counts_.taken[trigger];
  for (const StoredRows& rows : capture.rows) {
    counts_.bytes += static_cast<int64_t>(rows.values.size() * (sizeof(float) + sizeof(Flag)));
  }
  LogInfo("captured", {{"capture", event.Id()}, {"reason", event.reason}});
  return absl::OkStatus();
}

absl::Status CaptureKeeper::Work(int64_t monotonic_ns) {
  absl::Status worst;
  std::vector<Waiting> still;
  for (Waiting& one : std::exchange(waiting_, {})) {
    const bool came = recordings_->NewestOf(one.event.machine) >= one.event.to_ns - 1;
    if (monotonic_ns >= one.retry_ns && (came || monotonic_ns >= one.until_ns)) {
      one.failed = Take(one.event);
      if (one.failed.ok()) continue;
      one.retry_ns = monotonic_ns + kRetryNs;
    }
    worst.Update(one.failed);
    still.push_back(std::move(one));
  }
  waiting_ = std::move(still);
  return worst;
}

}  // namespace millrace
