// SPDX-License-Identifier: Apache-2.0
#include "client/store/row_recorder.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace millrace {

RowRecorder::RowRecorder(std::string machine, std::vector<std::string> channels, int64_t period_ns,
                         int64_t rows_per_block, std::vector<std::string> units)
    : rows_per_block_(rows_per_block) {
  block_.machine = std::move(machine);
  block_.channels = std::move(channels);
  block_.period_ns = period_ns;
  block_.units = std::move(units);
}

std::optional<StoredRows> RowRecorder::Add(int64_t time_ns, std::span<const float> values,
                                           std::span<const Flag> flags) {
  last_was_kept_ = std::ranges::any_of(values, [](float value) { return !std::isnan(value); });
  if (!last_was_kept_) return std::nullopt;
  std::optional<StoredRows> before;
  const bool follows = block_.rows() > 0 && block_.IsNext(time_ns);
  if (!follows || block_.rows() >= rows_per_block_) before = Finish();
  if (block_.rows() == 0) block_.first_ns = time_ns;
  block_.values.insert(block_.values.end(), values.begin(), values.end());
  block_.flags.insert(block_.flags.end(), flags.begin(), flags.end());
  return before;
}

void RowRecorder::Revise(int32_t channel, Flag flag) {
  if (!last_was_kept_ || block_.rows() == 0) return;
  block_.flags[block_.flags.size() - block_.channels.size() + channel] = flag;
}

std::optional<StoredRows> RowRecorder::Finish() {
  if (block_.rows() == 0) return std::nullopt;
  std::optional<StoredRows> finished = block_;
  block_.values.clear();
  block_.flags.clear();
  return finished;
}

std::optional<StoredRows> RowRecorder::FinishButLast() {
  if (block_.rows() < 2) return std::nullopt;
  std::optional<StoredRows> finished = block_;
  const int64_t last_ns = block_.last_ns();
  finished->Trim(block_.first_ns, last_ns);
  block_.Trim(last_ns, last_ns + 1);
  return finished;
}

void RowRecorder::DropFrom(int64_t time_ns) {
  if (block_.rows() == 0 || block_.last_ns() < time_ns) return;
  block_.Trim(block_.first_ns, time_ns);
  last_was_kept_ = false;
}

}  // namespace millrace
