// SPDX-License-Identifier: Apache-2.0
#include "client/live_recorder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr int64_t kHandOverBytes = int64_t{64} << 20;  // that may wait for the disk
constexpr int64_t kRowsOfABlock = 1024;
// With as long until the hand-over, rows are durable within a second.
constexpr absl::Duration kWriteEvery = absl::Milliseconds(400);
constexpr int64_t kTryAgainNs = 10 * kNsPerS;
constexpr int64_t kExpireEveryNs = 60 * kNsPerS;
constexpr size_t kMostEvents = 1000;  // that wait for the disk

}  // namespace

LiveRecorder::LiveRecorder(const LiveConfig& config, FileSystem* files, LiveClock* clock)
    : config_(config), files_(files), clock_(clock), queue_(kHandOverBytes) {
  for (const MachineConfig& kind : config_.machines) {
    std::vector<int32_t> columns;
    std::vector<std::string> channels;
    std::vector<std::string> units;
    for (size_t i = 0; i < kind.channels.size(); ++i) {
      const std::string& name = kind.channels[i].name;
      if (kind.stored && std::ranges::find(*kind.stored, name) == kind.stored->end()) continue;
      columns.push_back(static_cast<int32_t>(i));
      channels.push_back(name);
      units.push_back(kind.channels[i].unit);
    }
    const auto unsaid = [](const std::string& unit) { return unit.empty(); };
    if (std::ranges::all_of(units, unsaid)) units.clear();
    const int64_t period_ns = std::llround(kNsPerS / kind.rate_hz);
    if (!kind.channels_of.empty()) columns.clear();  // they are recorded where they belong
    for (size_t i = 0; i < kind.names.size(); ++i) {
      const std::string& machine = kind.names[i];
      places_[machine] = recorded_.size();
      Recorded& recorded = recorded_.emplace_back();
      recorded.machine = kind.RowsOf(i);
      recorded.alarm = AlarmStretch((std::max<int64_t>(kind.hop, 1) + 1) * period_ns);
      recorded.columns = columns;
      recorded.values.resize(columns.size());
      recorded.flags.resize(columns.size());
      if (columns.empty()) continue;
      recorded.rows.emplace(machine, channels, period_ns, kRowsOfABlock, units);
      machines_.push_back(machine);
    }
  }
  if (config_.capture) {
    triggers_.emplace(*config_.capture, static_cast<uint64_t>(clock_->UnixNs()));
  }
}

LiveRecorder::~LiveRecorder() { Stop(); }

void LiveRecorder::Start() {
  Publish();  // nothing is missing so far
  writing_ = std::thread([this] { Write(); });
}

void LiveRecorder::Stop() {
  if (!writing_.joinable()) return;
  for (Recorded& recorded : recorded_) {
    if (!recorded.rows) continue;
    if (std::optional<StoredRows> block = recorded.rows->Finish()) queue_.Push(*std::move(block));
  }
  queue_.Close();
  writing_.join();
}

void LiveRecorder::Take(const MachineRow& row) {
  Recorded& recorded = recorded_[row.machine];
  if (!recorded.rows) return;
  for (size_t i = 0; i < recorded.columns.size(); ++i) {
    const int32_t column = recorded.columns[i];
    recorded.values[i] = row.values[column];
    recorded.flags[i] = row.judged[column].flag;
    if (row.revised[column]) {
      recorded.rows->Revise(static_cast<int32_t>(i), row.revised[column]->flag);
    }
  }
  std::optional<StoredRows> block =
      recorded.rows->Add(row.time_ns, recorded.values, recorded.flags);
  if (block) queue_.Push(*std::move(block));
}

void LiveRecorder::Take(const MachineVerdict& verdict) {
  NoteAlarm(verdict);
  if (!config_.capture) return;
  const int64_t now_ns = clock_->MonotonicNs();
  const absl::MutexLock lock(&mutex_);
  Note(triggers_->OnVerdict(verdict, RowsOf(verdict.machine), now_ns));
}

void LiveRecorder::NoteAlarm(const MachineVerdict& verdict) {
  Recorded& recorded = recorded_[places_.at(verdict.machine)];
  if (!IsRecorded(recorded.machine)) return;
  const std::optional<AlarmStretch::Rows> rows = recorded.alarm.On(verdict);
  if (!rows) return;
  const absl::MutexLock lock(&mutex_);
  alarms_.Add(recorded.machine, rows->first_ns, rows->last_ns);
}

void LiveRecorder::Take(const ChannelDrift& drift) {
  if (!config_.capture) return;
  const int64_t now_ns = clock_->MonotonicNs();
  const absl::MutexLock lock(&mutex_);
  Note(triggers_->OnDrift(drift, RowsOf(drift.machine), now_ns));
}

void LiveRecorder::Note(std::optional<CaptureEvent> event) {
  if (!event || !IsRecorded(event->machine)) return;
  if (events_.size() < kMostEvents) {
    events_.push_back(*std::move(event));
  } else {
    ++lost_events_;
  }
}

void LiveRecorder::HandOver(std::span<const size_t> machines) {
  for (const size_t machine : machines) {
    Recorded& recorded = recorded_[machine];
    if (!recorded.rows) continue;
    std::optional<StoredRows> block = recorded.rows->FinishButLast();
    if (block) queue_.Push(*std::move(block));
  }
}

void LiveRecorder::Write() {
  while (true) {
    // Looked at first: what was pushed before the end is taken after it.
    const bool last = queue_.closed();
    std::vector<StoredRows> blocks = queue_.TakeAll(kWriteEvery);
    if (writer_ == nullptr) TryOpen();
    if (writer_ == nullptr) {
      for (const StoredRows& block : blocks) unwritten_rows_ += block.rows();
    } else {
      const bool rows = !blocks.empty();
      absl::Status written = WriteBlocks(std::move(blocks));
      if (last) written.Update(writer_->Flush());
      // As long as no rows come nobody knows whether the disk takes them again.
      if (rows || !written.ok()) written_ = written;
      absl::Status status = written_;
      if (captures_ != nullptr) status.Update(WorkOnCaptures());
      Tell(status);
    }
    Publish();
    if (last) return;
  }
}

void LiveRecorder::TryOpen() {
  const int64_t now_ns = clock_->MonotonicNs();
  if (now_ns < next_try_ns_) return;
  next_try_ns_ = now_ns + kTryAgainNs;
  absl::StatusOr<std::unique_ptr<StoreWriter>> writer =
      StoreWriter::Open(files_, config_.store->folder, {.store = config_.store->limits()});
  if (!writer.ok()) return Tell(writer.status());
  std::unique_ptr<CaptureKeeper> captures;
  if (config_.capture) {
    captures = std::make_unique<CaptureKeeper>(*config_.capture, files_, writer->get());
    const absl::Status loaded = captures->Load(now_ns);
    if (!loaded.ok()) return Tell(loaded);
  }
  writer_ = *std::move(writer);
  captures_ = std::move(captures);
}

absl::Status LiveRecorder::WriteBlocks(std::vector<StoredRows> blocks) {
  AlarmTimes alarms;
  {
    const absl::MutexLock lock(&mutex_);
    std::swap(alarms, alarms_);
  }
  absl::Status status = writer_->AddAlarms(alarms);
  for (StoredRows& block : blocks) status.Update(writer_->Add(std::move(block)));
  const int64_t now_ns = clock_->MonotonicNs();
  status.Update(writer_->Sync(now_ns));
  if (now_ns >= next_expiry_ns_) {
    next_expiry_ns_ = now_ns + kExpireEveryNs;
    writer_->Expire(absl::FromUnixNanos(clock_->UnixNs()));
  }
  return status;
}

absl::Status LiveRecorder::Press(const std::string& machine, const std::string& note) {
  const auto place = places_.find(machine);
  if (place == places_.end() || !IsRecorded(RowsOf(machine))) {
    return absl::NotFoundError(
        absl::StrCat("machine '", machine, "': nothing of such a machine is recorded"));
  }
  if (!config_.capture || queue_.closed()) {
    return absl::UnavailableError("nothing is captured");
  }
  const absl::MutexLock lock(&mutex_);
  if (pressed_.size() >= kMostEvents) return absl::UnavailableError("the disk does not keep up");
  pressed_.push_back({RowsOf(machine), note});
  return absl::OkStatus();
}

absl::Status LiveRecorder::WorkOnCaptures() {
  std::vector<CaptureEvent> events;
  std::vector<CaptureFolder::RequestNote> pressed;
  {
    const absl::MutexLock lock(&mutex_);
    events.swap(events_);
    pressed.swap(pressed_);
  }
  const int64_t now_ns = clock_->MonotonicNs();
  absl::Status status;
  for (CaptureEvent& event : events) status.Update(captures_->Announce(std::move(event), now_ns));
  for (const CaptureFolder::RequestNote& request : pressed) {
    status.Update(captures_->Press(request, clock_->UnixNs(), now_ns));
  }
  status.Update(captures_->TakeRequests(machines_, clock_->UnixNs(), now_ns));
  status.Update(captures_->Work(now_ns));
  return status;
}

void LiveRecorder::Tell(const absl::Status& status) {
  {
    const absl::MutexLock lock(&mutex_);
    health_ = status;
  }
  if (status.ok() == complete_) return;
  complete_ = status.ok();
  if (complete_) {
    LogInfo("recording goes on");
  } else {
    LogError("recordings have gaps", {{"reason", status.message()}});
  }
}

void LiveRecorder::Publish() {
  RecorderReading reading;
  reading.complete = complete_;
  reading.dropped_rows = queue_.dropped_rows() + unwritten_rows_;
  if (writer_ != nullptr) {
    reading.rows = writer_->rows();
    reading.dropped_rows += writer_->lost_rows();
    reading.store = writer_->totals();
  }
  if (captures_ != nullptr) {
    reading.captures = captures_->counts();
    reading.captures_waiting = captures_->waiting();
  }
  {
    const absl::MutexLock lock(&mutex_);
    reading.captures.lost += lost_events_;
  }
  metrics_.Set(reading);
}

absl::Status LiveRecorder::Health() {
  const absl::MutexLock lock(&mutex_);
  return health_;
}

std::string LiveRecorder::MetricsText() { return metrics_.Text(); }

}  // namespace millrace
