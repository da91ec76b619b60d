// SPDX-License-Identifier: Apache-2.0
#include "client/live/replay_source.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "base/status.h"
#include "client/data/glob.h"
#include "client/live/delivery.h"
#include "client/live/file_version.h"
#include "client/live/recording_reader.h"

namespace millrace {
namespace {

constexpr int64_t kLongestGapNs = 10 * kNsPerS;
constexpr int64_t kBatchNs = kNsPerS / 50;  // steps go on together, so much too early at most
constexpr double kMostNs = 1e18;

}  // namespace

int64_t ReplayPace::Due(int64_t time_ns, int64_t now_ns) {
  if (speed_ <= 0) return now_ns;
  if (!first_ns_ || time_ns < last_ns_ || time_ns - last_ns_ > kLongestGapNs) {
    first_ns_ = time_ns;
    began_ns_ = now_ns;
  }
  last_ns_ = time_ns;
  const double after_ns = static_cast<double>(time_ns - *first_ns_) / speed_;
  return began_ns_ + static_cast<int64_t>(std::min(after_ns, kMostNs));
}

ReplaySource::ReplaySource(const std::string& name, const ReplayConfig& config,
                           const std::vector<ChannelRename>& renames, const SourceContext& context)
    : config_(config),
      context_(context),
      record_(name),
      channels_(context.channels, renames, &record_),
      pace_(config.speed) {}

void ReplaySource::Run() {
  constexpr absl::Duration kTryAgain = absl::Seconds(5);
  while (!stopped_.HasBeenNotified()) {
    played_something_ = false;
    absl::Status played = PlayAll();
    if (played.ok() && config_.loop && !played_something_ && !stopped_.HasBeenNotified()) {
      played = absl::FailedPreconditionError("there is no value of a channel that the site knows");
    }
    if (!played.ok()) {
      record_.State(SourceState::kFailed, played.message());
      stopped_.WaitForNotificationWithTimeout(kTryAgain);
    } else if (!config_.loop && !stopped_.HasBeenNotified()) {
      record_.State(SourceState::kDone);
      stopped_.WaitForNotification();
    }
  }
}

absl::Status ReplaySource::PlayAll() {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> paths, ExpandPath(config_.path));
  shift_ns_.reset();
  for (const std::string& path : paths) {
    if (stopped_.HasBeenNotified()) break;
    record_.Message();
    MR_RETURN_IF_ERROR(Play(path));
  }
  return absl::OkStatus();
}

absl::Status ReplaySource::Play(const std::string& path) {
  MR_ASSIGN_OR_RETURN(const FileVersion version, VersionOf(path));
  MR_ASSIGN_OR_RETURN(
      std::unique_ptr<RecordingReader> reader,
      RecordingReader::Open(context_.files, path, config_.format, version.changed_ns, &channels_));
  std::vector<Sample> step, batch;
  while (true) {
    step.clear();
    MR_ASSIGN_OR_RETURN(const bool more, reader->Next(&step));
    if (!more) break;
    if (step.empty()) continue;
    played_something_ = true;
    const int64_t now_ns = context_.clock->MonotonicNs();
    const int64_t due_ns = pace_.Due(step.back().time_ns, now_ns);
    const bool soon = due_ns < now_ns + kBatchNs;
    if ((!soon || batch.size() >= kRecordedBatch) && !Deliver(&batch)) return absl::OkStatus();
    if (!soon) stopped_.WaitForNotificationWithTimeout(absl::Nanoseconds(due_ns - now_ns));
    batch.insert(batch.end(), step.begin(), step.end());
  }
  Deliver(&batch);
  return absl::OkStatus();
}

bool ReplaySource::Deliver(std::vector<Sample>* samples) {
  if (config_.shifted && !samples->empty()) {
    if (!shift_ns_) shift_ns_ = context_.clock->UnixNs() - samples->front().time_ns;
    for (Sample& sample : *samples) sample.time_ns += *shift_ns_;
  }
  return DeliverPatiently(std::exchange(*samples, {}), /*recorded=*/true, context_, stopped_,
                          record_);
}

}  // namespace millrace
