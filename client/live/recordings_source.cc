// SPDX-License-Identifier: Apache-2.0
#include "client/live/recordings_source.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status.h"
#include "client/data/glob.h"
#include "client/live/delivery.h"
#include "client/live/recording_reader.h"

namespace millrace {

RecordingsSource::RecordingsSource(const std::string& name, const RecordingsConfig& config,
                                   const std::vector<ChannelRename>& renames,
                                   const SourceContext& context)
    : config_(config),
      context_(context),
      record_(name),
      channels_(context.channels, renames, &record_) {}

void RecordingsSource::Run() {
  const absl::Duration period = absl::Seconds(config_.poll_s);
  const std::string path = absl::StrCat(context_.state_folder, "/", record_.name(), ".recordings");
  while (!stopped_.HasBeenNotified()) {
    absl::Status status = context_.files->CreateDirectories(context_.state_folder);
    absl::StatusOr<SeenRecordings> seen = SeenRecordings::Load(context_.files, path);
    status.Update(seen.status());
    while (status.ok() && !stopped_.HasBeenNotified()) {
      status = Look(*seen);
      if (status.ok()) stopped_.WaitForNotificationWithTimeout(period);
    }
    if (!status.ok()) record_.State(SourceState::kFailed, status.message());
    stopped_.WaitForNotificationWithTimeout(period);
  }
}

absl::StatusOr<std::set<std::string>> RecordingsSource::Names() const {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> entries, context_.files->List(config_.folder));
  std::set<std::string> names;
  for (const std::string& entry : entries) {
    const bool plain = std::none_of(entry.begin(), entry.end(), absl::ascii_iscntrl);
    if (plain && !absl::StartsWith(entry, ".") && MatchesWildcard(entry, config_.pattern)) {
      names.insert(entry);
    }
  }
  return names;
}

bool RecordingsSource::IsWhole(const std::string& name, const FileVersion& version) {
  const int64_t now_ns = context_.clock->MonotonicNs();
  Waiting& waiting = waiting_[name];
  if (waiting.version != version) waiting = {version, now_ns};
  return static_cast<double>(now_ns - waiting.since_ns) >= config_.settle_s * kNsPerS;
}

absl::Status RecordingsSource::Look(SeenRecordings& seen) {
  MR_ASSIGN_OR_RETURN(const std::set<std::string> names, Names());
  seen.KeepOnly(names);
  std::erase_if(waiting_, [&](const auto& entry) { return names.count(entry.first) == 0; });
  if (record_.Status().state != SourceState::kLive) record_.State(SourceState::kLive);
  for (const std::string& name : names) {
    if (stopped_.HasBeenNotified()) break;
    const std::string path = absl::StrCat(config_.folder, "/", name);
    const absl::StatusOr<FileVersion> version = VersionOf(path);
    if (!version.ok() || seen.Has(name, *version) || !IsWhole(name, *version)) continue;
    record_.Message();
    const absl::StatusOr<bool> played = Play(path, *version);
    if (!played.ok()) record_.Refused(played.status().message());
    if (played.ok() && !*played) break;
    LogInfo("recording read", {{"source", record_.name()}, {"file", name}});
    MR_RETURN_IF_ERROR(seen.Add(name, *version));
    waiting_.erase(name);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> RecordingsSource::Play(const std::string& path, const FileVersion& version) {
  MR_ASSIGN_OR_RETURN(
      std::unique_ptr<RecordingReader> reader,
      RecordingReader::Open(context_.files, path, config_.format, version.changed_ns, &channels_));
  std::vector<Sample> samples;
  bool more = true;
  while (more) {
    MR_ASSIGN_OR_RETURN(more, reader->Next(&samples));
    if (more && samples.size() < kRecordedBatch) continue;
    RefuseFuture(samples, context_, record_);
    if (!DeliverPatiently(std::exchange(samples, {}), /*recorded=*/true, context_, stopped_,
                          record_))
      return false;
  }
  return true;
}

}  // namespace millrace
