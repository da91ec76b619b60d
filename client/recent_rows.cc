// SPDX-License-Identifier: Apache-2.0
#include "client/recent_rows.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "client/inference/recorded_threshold.h"

namespace millrace {
namespace {

constexpr int64_t kMostRowsOfABlock = 1024;
constexpr int64_t kBlocks = 8;  // at least, so that little goes at a time

int64_t PeriodOf(const MachineConfig& kind) { return std::llround(kNsPerS / kind.rate_hz); }

/// Values and flags.
int64_t BytesOfARow(const MachineConfig& kind) {
  return std::ssize(kind.channels) * static_cast<int64_t>(sizeof(float) + sizeof(Flag));
}

/// Machines by whose rows somebody is judged who may learn a threshold.
std::vector<std::string> MachinesToKeep(const std::vector<MachineConfig>& kinds) {
  std::vector<std::string> machines;
  for (const MachineConfig& kind : kinds) {
    if (kind.model.empty() || kind.threshold > 0) continue;
    for (size_t i = 0; i < kind.names.size(); ++i) machines.push_back(kind.RowsOf(i));
  }
  return machines;
}

}  // namespace

RecentRows::RecentRows(const std::vector<MachineConfig>& machines, bool recordings,
                       LiveClock* clock, int64_t most_bytes)
    : kinds_(machines), clock_(clock), most_bytes_(most_bytes) {
  std::map<std::string, Kept*> by_name;
  for (const std::string& machine : MachinesToKeep(kinds_)) by_name[machine] = nullptr;
  for (const MachineConfig& kind : kinds_) {
    const bool recorded = recordings && !kind.stored;
    for (const std::string& machine : kind.names) {
      std::unique_ptr<Kept>& kept = kept_.emplace_back();
      const auto found = by_name.find(machine);
      if (found == by_name.end() || recorded || !kind.channels_of.empty()) continue;
      kept = std::make_unique<Kept>();
      kept->kind = &kind;
      kept->machine = machine;
      kept->flags.resize(kind.channels.size());
      found->second = kept.get();
      ++keeping_;
    }
  }
  for (const MachineConfig& kind : kinds_) {
    for (size_t i = 0; i < kind.names.size(); ++i) {
      Judged& judged = judged_[kind.names[i]];
      judged.alarm = AlarmStretch((std::max<int64_t>(kind.hop, 1) + 1) * PeriodOf(kind));
      if (by_name.contains(kind.RowsOf(i))) judged.rows = by_name.at(kind.RowsOf(i));
    }
  }
}

void RecentRows::KeepWindowsOf(const ModelPackage& model) {
  const std::string& name = model.manifest.name();
  const int64_t window = model.plan.input.window;
  std::map<Kept*, int64_t> wanted;  // the most, where several machines are judged by the same rows
  for (const MachineConfig& kind : kinds_) {
    if (kind.model != name || !LearnsThreshold(kind, model.plan)) continue;
    const int64_t hop = kind.hop > 0 ? kind.hop : window;
    for (const std::string& machine : kind.names) {
      Kept* const kept = judged_.at(machine).rows;
      if (kept == nullptr) continue;
      int64_t& rows = wanted[kept];
      rows = std::max(rows, 2 * kind.learning.learn_windows * hop + window);
    }
  }
  for (const auto& [kept, rows] : wanted) {
    const absl::MutexLock lock(&kept->mutex);
    kept->wanted[name] = rows;
    kept->Resize(most_bytes_ / keeping_ / BytesOfARow(*kept->kind));
  }
}

void RecentRows::Kept::Resize(int64_t fit) {
  int64_t most = 0;
  for (const auto& [model, of_model] : wanted) most = std::max(most, of_model);
  // A block is being filled, and one goes only once all of it can be spared.
  const int64_t of_block = std::clamp(std::min(most, fit) / kBlocks, int64_t{1}, kMostRowsOfABlock);
  most = std::max<int64_t>(std::min(most, fit - 2 * of_block), 0);
  if (most == most_rows) return;
  most_rows = most;
  if (rows) Push(rows->Finish());
  rows.reset();
  if (most == 0) return;
  std::vector<std::string> channels;
  for (const ChannelConfig& channel : kind->channels) channels.push_back(channel.name);
  rows.emplace(machine, std::move(channels), PeriodOf(*kind), of_block);
}

void RecentRows::Kept::Push(std::optional<StoredRows> block) {
  if (!block) return;
  in_blocks += block->rows();
  blocks.push_back(std::make_shared<const StoredRows>(*std::move(block)));
  while (!blocks.empty() && in_blocks - blocks.front()->rows() >= most_rows) {
    in_blocks -= blocks.front()->rows();
    blocks.pop_front();
  }
}

void RecentRows::Kept::DropFrom(int64_t time_ns) {
  if (rows) rows->DropFrom(time_ns);
  while (!blocks.empty() && blocks.back()->last_ns() >= time_ns) {
    StoredRows rest = *blocks.back();
    blocks.pop_back();
    in_blocks -= rest.rows();
    rest.Trim(rest.first_ns, time_ns);
    if (rest.rows() > 0) return Push(std::move(rest));
  }
}

void RecentRows::Take(const MachineRow& row) {
  Kept* const kept = kept_[row.machine].get();
  if (kept == nullptr) return;
  const absl::MutexLock lock(&kept->mutex);
  if (!kept->rows) return;
  for (size_t i = 0; i < kept->flags.size(); ++i) {
    kept->flags[i] = row.judged[i].flag;
    if (row.revised[i]) kept->rows->Revise(static_cast<int32_t>(i), row.revised[i]->flag);
  }
  kept->Push(kept->rows->Add(row.time_ns, row.values, kept->flags));
}

void RecentRows::Take(const MachineVerdict& verdict) {
  Judged& judged = judged_.at(verdict.machine);
  if (!verdict.silence) judged.row_ns = verdict.time_ns;
  if (verdict.judgement != Judgement::kNotEvaluated) judged.judged_ns = clock_->MonotonicNs();
  if (judged.rows == nullptr) return;
  const std::optional<AlarmStretch::Rows> alarm = judged.alarm.On(verdict);
  if (!alarm) return;
  const absl::MutexLock lock(&judged.rows->mutex);
  judged.rows->DropFrom(alarm->first_ns);
}

std::vector<std::shared_ptr<const StoredRows>> RecentRows::Of(const std::string& machine) {
  Kept* const kept = judged_.at(machine).rows;
  if (kept == nullptr) return {};
  const absl::MutexLock lock(&kept->mutex);
  if (kept->rows) kept->Push(kept->rows->FinishButLast());
  return {kept->blocks.begin(), kept->blocks.end()};
}

bool RecentRows::JudgedSince(const std::string& machine, int64_t since_ns) const {
  const int64_t judged_ns = judged_.at(machine).judged_ns;
  return judged_ns > 0 && judged_ns >= since_ns;
}

int64_t RecentRows::bytes() const {
  int64_t bytes = 0;
  for (const auto& kept : kept_) {
    if (kept == nullptr) continue;
    const absl::MutexLock lock(&kept->mutex);
    const int64_t rows = kept->in_blocks + (kept->rows ? kept->rows->rows() : 0);
    bytes += rows * BytesOfARow(*kept->kind);
  }
  return bytes;
}

}  // namespace millrace
