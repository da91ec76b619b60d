// SPDX-License-Identifier: Apache-2.0
#include "client/store/stored_rows.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "millrace/internal/stored_rows.pb.h"

namespace millrace {

bool IsSaneTime(int64_t time_ns) {
  return time_ns >= -(int64_t{1} << 59) &&
         time_ns <= std::numeric_limits<int64_t>::max() - (int64_t{1} << 60);
}

namespace {

bool IsFlag(uint8_t value) {
  switch (static_cast<Flag>(value)) {
    case Flag::kPass:
    case Flag::kNotEvaluated:
    case Flag::kSuspect:
    case Flag::kFail:
    case Flag::kMissing:
      return true;
  }
  return false;
}

}  // namespace

absl::Status StoredRows::Check() const {
  if (machine.empty() || machine.size() > 256) {
    return absl::InvalidArgumentError("rows of a machine without a name of at most 256 bytes");
  }
  const bool shaped = !channels.empty() && !values.empty() &&
                      values.size() % channels.size() == 0 && flags.size() == values.size() &&
                      (alarms.empty() || static_cast<int64_t>(alarms.size()) == rows()) &&
                      (units.empty() || units.size() == channels.size());
  if (!shaped) {
    return absl::InvalidArgumentError(absl::StrCat("rows of ", machine, ": ", values.size(),
                                                   " values and ", flags.size(), " flags for ",
                                                   channels.size(), " channels"));
  }
  int64_t span = 0;
  int64_t last = 0;
  int64_t next = 0;
  if (period_ns <= 0 || __builtin_mul_overflow(rows() - 1, period_ns, &span) ||
      __builtin_add_overflow(first_ns, span, &last) ||
      __builtin_add_overflow(last, period_ns, &next) || !IsSaneTime(first_ns) ||
      !IsSaneTime(next)) {
    return absl::InvalidArgumentError(absl::StrCat("rows of ", machine, ": times out of range"));
  }
  return absl::OkStatus();
}

std::string StoredRows::ToBytes() const {
  internal::StoredRows message;
  message.set_machine(machine);
  message.mutable_channels()->Add(channels.begin(), channels.end());
  message.set_first_ns(first_ns);
  message.set_period_ns(period_ns);
  message.mutable_values()->Add(values.begin(), values.end());
  message.mutable_flags()->assign(reinterpret_cast<const char*>(flags.data()), flags.size());
  message.mutable_alarms()->assign(alarms.data(), alarms.size());
  message.mutable_units()->Add(units.begin(), units.end());
  return message.SerializeAsString();
}

absl::StatusOr<StoredRows> StoredRows::Parse(absl::string_view bytes) {
  internal::StoredRows message;
  if (!message.ParseFromString(std::string(bytes))) return absl::DataLossError("no rows");
  StoredRows rows;
  rows.machine = message.machine();
  rows.channels.assign(message.channels().begin(), message.channels().end());
  rows.first_ns = message.first_ns();
  rows.period_ns = message.period_ns();
  rows.values.assign(message.values().begin(), message.values().end());
  for (const char flag : message.flags()) {
    if (!IsFlag(static_cast<uint8_t>(flag))) return absl::DataLossError("a flag that is none");
    rows.flags.push_back(static_cast<Flag>(flag));
  }
  rows.alarms.assign(message.alarms().begin(), message.alarms().end());
  rows.units.assign(message.units().begin(), message.units().end());
  if (const absl::Status sound = rows.Check(); !sound.ok()) {
    return absl::DataLossError(sound.message());
  }
  return rows;
}

void StoredRows::Trim(int64_t from_ns, int64_t to_ns) {
  const auto index_of = [&](int64_t time_ns) {  // of the first row that is not before
    if (time_ns <= first_ns) return int64_t{0};
    if (time_ns > last_ns()) return rows();
    const uint64_t after = static_cast<uint64_t>(time_ns) - static_cast<uint64_t>(first_ns);
    const auto period = static_cast<uint64_t>(period_ns);
    return static_cast<int64_t>((after + period - 1) / period);
  };
  const auto width = static_cast<int64_t>(channels.size());
  const int64_t begin = index_of(from_ns);
  const int64_t end = std::max(begin, index_of(to_ns));
  values = std::vector<float>(values.begin() + begin * width, values.begin() + end * width);
  flags = std::vector<Flag>(flags.begin() + begin * width, flags.begin() + end * width);
  if (!alarms.empty()) alarms = std::vector<char>(alarms.begin() + begin, alarms.begin() + end);
  first_ns += begin * period_ns;
}

bool StoredRows::IsNext(int64_t time_ns) const {
  return std::abs(time_ns - (last_ns() + period_ns)) <= period_ns / 4;
}

bool StoredRows::Continue(const StoredRows& next, int64_t most_rows) {
  const bool follows = next.machine == machine && next.period_ns == period_ns &&
                       IsNext(next.first_ns) && next.channels == channels && next.units == units &&
                       rows() + next.rows() <= most_rows;
  if (!follows) return false;
  if (!alarms.empty() || !next.alarms.empty()) {
    alarms.resize(rows());
    alarms.insert(alarms.end(), next.alarms.begin(), next.alarms.end());
    alarms.resize(rows() + next.rows());
  }
  values.insert(values.end(), next.values.begin(), next.values.end());
  flags.insert(flags.end(), next.flags.begin(), next.flags.end());
  return true;
}

}  // namespace millrace
