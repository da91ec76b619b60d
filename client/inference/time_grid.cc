// SPDX-License-Identifier: Apache-2.0
#include "client/inference/time_grid.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "base/check.h"

namespace millrace {
namespace {

constexpr int64_t kLeastRows = 16;
constexpr double kMostSamples = 1 << 20;  // of one channel in a row
constexpr double kMostHeld = 1 << 20;     // rows
constexpr int64_t kConfirmingRows = 3;    // that time goes on elsewhere
constexpr double kLongestSilenceNs = 1e18;
constexpr double kMostClockDrift = 1e-3;  // of two clocks, and then some
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr double kMostSeconds = 9.2e9;  // that int64 nanoseconds tell

}  // namespace

TimeGrid::TimeGrid(TimeGridOptions options) : options_(std::move(options)) {
  MR_CHECK(options_.rate_hz > 0 && options_.patience_rows >= 1 && options_.disorder_rows >= 0);
  MR_CHECK(!options_.sample_rows.empty());
  channels_.resize(options_.sample_rows.size());
  for (size_t i = 0; i < channels_.size(); ++i) {
    const double rows = options_.sample_rows[i];
    MR_CHECK(rows > 0);
    channels_[i].samples =
        static_cast<int32_t>(std::clamp(std::round(1 / rows), 1.0, kMostSamples));
    if (channels_[i].samples > 1) {
      channels_[i].repeated = static_cast<int32_t>(repeated_.size());
      repeated_.emplace_back();
    }
    channels_[i].due = static_cast<int64_t>(std::clamp(std::ceil(rows), 1.0, kMostHeld));
    channels_[i].hold = static_cast<int64_t>(std::clamp(std::ceil(1.5 * rows), 1.0, kMostHeld));
  }
  const int64_t rows =
      std::max(kLeastRows, 2 * std::max(options_.patience_rows, options_.disorder_rows));
  rows_ = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(rows)));
  cells_.resize(rows_ * channels_.size());
  const double silent_rows =
      std::max(static_cast<double>(options_.patience_rows),
               kConfirmingRows * *std::ranges::min_element(options_.sample_rows));
  silence_ns_ =
      static_cast<int64_t>(std::min(silent_rows / options_.rate_hz * kSecondNs, kLongestSilenceNs));
}

// Whole seconds and the rest apart: for a whole rate the former make whole rows, and neither loses
// anything in a double.
int64_t TimeGrid::RowOf(int64_t time_ns) const {
  const bool borrows = time_ns % kSecondNs < 0;
  const int64_t second = time_ns / kSecondNs - (borrows ? 1 : 0);
  const int64_t within = time_ns % kSecondNs + (borrows ? kSecondNs : 0);
  const double rows = static_cast<double>(second) * options_.rate_hz;
  const double whole = std::floor(rows);
  const double rest = static_cast<double>(within) * options_.rate_hz / kSecondNs;
  return static_cast<int64_t>(whole) + static_cast<int64_t>(std::floor(rows - whole + rest + 0.5));
}

int64_t TimeGrid::TimeOf(int64_t row) const {
  const double second = std::floor(static_cast<double>(row) / options_.rate_hz);
  const double rest =
      std::fma(-second, options_.rate_hz, static_cast<double>(row)) / options_.rate_hz;
  const double told = std::clamp(second, -kMostSeconds, kMostSeconds);
  return static_cast<int64_t>(told) * kSecondNs + std::llround(rest * kSecondNs);
}

TimeGrid::Cell& TimeGrid::At(int64_t row, int32_t channel) {
  return cells_[(row & (rows_ - 1)) * static_cast<int64_t>(channels_.size()) + channel];
}

/// Many old readings may come at once, and so may some from the future.
bool TimeGrid::Last(std::optional<Strays>& strays, int64_t arrived_ns) const {
  if (!strays || arrived_ns - strays->last_ns > silence_ns_) strays = Strays{arrived_ns};
  strays->last_ns = arrived_ns;
  return arrived_ns - strays->first_ns >= silence_ns_;
}

/// One channel with an absurd clock does not take the others along, nor does one message with a
/// wrong date; but channels may have died.
bool TimeGrid::HasJumpedAhead(Channel& channel, int64_t row, SampleArrival arrival) {
  const int64_t reach = std::max(rows_, 4 * channel.due);
  const bool known = channel.early_turn == turn_;
  if (known && channel.confirms) --confirming_;
  if (!known || std::abs(row - channel.early_row) > reach) {
    channel.early_turn = turn_;
    channel.early_row = row;
    channel.early_rows = 1;
  } else if (row > channel.early_row) {
    channel.early_row = row;
    ++channel.early_rows;
  }
  channel.confirms = arrival.recorded || channel.early_rows >= kConfirmingRows;
  if (channel.confirms) ++confirming_;
  const bool lasts = Last(early_, arrival.ns);
  return confirming_ == std::ssize(channels_) || (confirming_ > 0 && lasts);
}

bool TimeGrid::HasStoodStill(int64_t time_ns, int64_t arrived_ns) const {
  const double there = static_cast<double>(time_ns) - static_cast<double>(on_time_ns_);
  const auto here = static_cast<double>(arrived_ns - on_time_came_ns_);
  return std::abs(there - here) <= static_cast<double>(silence_ns_) + here * kMostClockDrift;
}

void TimeGrid::ForgetStrays() {
  early_.reset();
  late_.reset();
  confirming_ = 0;
  ++turn_;
}

/// The others' samples of `row` have gone: with several channels the next row is the first whole
/// one.
void TimeGrid::RestartAfter(int64_t row) { Restart(channels_.size() > 1 ? row + 1 : row); }

void TimeGrid::Restart(int64_t row) {
  if (started_) {
    ++counts_.restarts;
    restarted_ = true;
    std::ranges::fill(cells_, Cell{});
  }
  started_ = true;
  next_ = newest_ = row;
  ForgetStrays();
  waiting_ = static_cast<int32_t>(channels_.size());
  for (Channel& channel : channels_) {
    channel.known = row;
    channel.seen = false;
  }
  for (RepeatedSamples& repeated : repeated_) repeated.Clear();
}

void TimeGrid::Advance(Channel& channel, int64_t known) {
  if (known <= channel.known) return;
  if (channel.known <= next_ && known > next_) --waiting_;
  channel.known = known;
}

void TimeGrid::Add(int32_t index, int64_t time_ns, float value, SampleArrival arrival) {
  const int64_t row = RowOf(time_ns);
  Channel& channel = channels_[index];
  if (!started_) Restart(row);
  const auto on_time = [&] { return row >= next_ && row < next_ + rows_; };
  if (!on_time()) {
    const bool late = row < next_;
    ++(late ? counts_.late : counts_.early);
    if (!late && HasStoodStill(time_ns, arrival.ns)) {
      Restart(row);
    } else if (late ? Last(late_, arrival.ns) : HasJumpedAhead(channel, row, arrival)) {
      RestartAfter(row);
    }
    if (!on_time()) return;
  }
  if (early_ || late_) ForgetStrays();
  on_time_ns_ = time_ns;
  on_time_came_ns_ = arrival.ns;
  Cell& cell = At(row, index);
  // Jitter may bring a few more than a row's share of samples. Where that is one, a second is none
  // in any case.
  if (cell.samples >= channel.samples + channel.samples / 2 ||
      (channel.repeated >= 0 && repeated_[channel.repeated].Contains(time_ns, value))) {
    ++counts_.duplicates;
    return;
  }
  cell.sum += value;
  ++cell.samples;
  newest_ = std::max(newest_, row);
  const int64_t known = cell.samples >= channel.samples ? row + channel.due : row;
  Advance(channel, known - options_.disorder_rows);
}

std::optional<TimeGrid::Row> TimeGrid::Take(std::span<float> values) {
  if (!started_) return std::nullopt;
  if (waiting_ > 0 && newest_ - next_ < options_.patience_rows) return std::nullopt;
  MR_CHECK(values.size() == channels_.size());
  const Row row{next_, std::exchange(restarted_, false)};
  ++next_;
  waiting_ = 0;
  for (size_t i = 0; i < channels_.size(); ++i) {
    Channel& channel = channels_[i];
    Cell& cell = At(row.number, static_cast<int32_t>(i));
    if (cell.samples > 0) {
      channel.last_value = static_cast<float>(cell.sum / cell.samples);
      channel.last_row = row.number;
      channel.seen = true;
      values[i] = channel.last_value;
      cell = Cell{};
    } else {
      const bool held = channel.seen && row.number - channel.last_row < channel.hold;
      values[i] = held ? channel.last_value : std::numeric_limits<float>::quiet_NaN();
    }
    waiting_ += channel.known <= next_;
  }
  return row;
}

}  // namespace millrace
