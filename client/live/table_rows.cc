// SPDX-License-Identifier: Apache-2.0
#include "client/live/table_rows.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/data/fields.h"
#include "client/live/payload.h"

namespace millrace {
namespace {

absl::StatusOr<std::optional<size_t>> IndexOf(const std::vector<std::string>& names,
                                              const std::string& name) {
  if (name.empty()) return std::nullopt;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    return absl::InvalidArgumentError(absl::StrCat("no column ", Shown(name)));
  }
  return static_cast<size_t>(found - names.begin());
}

}  // namespace

absl::Status TableRows::SetColumns(const std::vector<std::string>& names) {
  names_ = names;
  MR_ASSIGN_OR_RETURN(time_, IndexOf(names, format_.time_column));
  MR_ASSIGN_OR_RETURN(machine_, IndexOf(names, format_.machine_column));
  known_.assign(names.size(), std::nullopt);
  for (size_t i = 0; i < names.size() && !machine_; ++i) {
    if (i != time_) known_[i] = channels_->Find(format_.machine, names[i], 0);
  }
  return absl::OkStatus();
}

absl::Status TableRows::AppendValue(size_t column, absl::string_view field, Sample sample,
                                    std::vector<Sample>* samples) const {
  double number = 0;
  switch (ReadNumber(field, &number)) {
    case NumberKind::kNumber:
      sample.value = SampleValue(number);
      break;
    case NumberKind::kMissing:
    case NumberKind::kNotFinite:
      sample.value = std::numeric_limits<float>::quiet_NaN();
      break;
    case NumberKind::kText:
      return absl::InvalidArgumentError(
          absl::StrCat("column ", Shown(names_[column]), ": ", Shown(field), " is no number"));
  }
  samples->push_back(sample);
  return absl::OkStatus();
}

absl::Status TableRows::Append(std::span<const absl::string_view> fields, int64_t untimed_ns,
                               std::vector<Sample>* samples) {
  if (fields.size() != names_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(fields.size(), " fields where there are ", names_.size(), " columns"));
  }
  Sample sample;
  sample.time_ns = untimed_ns;
  if (time_) {
    const std::optional<int64_t> time =
        TimeOfText(format_.time, fields[*time_], format_.utc_offset_s);
    if (!time) {
      return absl::InvalidArgumentError(
          absl::StrCat("the time ", Shown(fields[*time_]), " cannot be read"));
    }
    sample.time_ns = *time;
  }
  const size_t before = samples->size();
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i == time_ || i == machine_) continue;
    const std::optional<ChannelIndex> channel =
        machine_ ? channels_->Find(fields[*machine_], names_[i], 1) : known_[i];
    if (!channel) continue;
    sample.channel = *channel;
    const absl::Status status = AppendValue(i, fields[i], sample, samples);
    if (status.ok()) continue;
    samples->resize(before);
    return status;
  }
  return absl::OkStatus();
}

}  // namespace millrace
