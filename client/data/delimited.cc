// SPDX-License-Identifier: Apache-2.0
#include "client/data/delimited.h"

#include <filesystem>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/data/fields.h"
#include "client/data/glob.h"
#include "client/data/label_value.h"
#include "client/data/mode_cell.h"
#include "client/data/table_reader.h"
#include "client/data/unit_rows.h"

namespace millrace {
namespace {

// Reads the rows of one file into `units`.
class FileRows {
 public:
  FileRows(const DataConfig& config, const Plan& plan, TableReader* table)
      : config_(config), plan_(plan), table_(table) {}

  absl::Status Bind();
  /// `prefix` goes before the units' names; `whole_file` names the unit without a unit column.
  absl::Status ReadAll(const std::string& prefix, const std::string& whole_file, UnitRows* units);

 private:
  enum class Reading { kValue, kMissing, kHalfWritten };

  absl::StatusOr<Reading> Number(size_t column, double* value) const;
  absl::StatusOr<Reading> ReadRow();

  const DataConfig& config_;
  const Plan& plan_;
  TableReader* const table_;  // outlives this object
  std::vector<size_t> channels_;
  std::vector<size_t> modes_;
  size_t label_ = 0;  // these three are used if the plan or the configuration names a column
  size_t unit_ = 0;
  size_t order_ = 0;

  std::vector<absl::string_view> fields_;
  std::vector<float> values_;
  std::vector<double> mode_values_;
  UnitRow row_;
};

absl::Status FileRows::Bind() {
  const bool has_label = plan_.label.kind == LabelKind::kColumn;
  std::vector<std::string> names = plan_.input.channels;
  for (const ModeColumn& mode : plan_.input.modes) names.push_back(mode.column);
  if (has_label) names.push_back(plan_.label.column);
  if (!config_.unit.empty()) names.push_back(config_.unit);
  if (!config_.order.empty()) names.push_back(config_.order);
  MR_ASSIGN_OR_RETURN(const std::vector<size_t> found, table_->Find(names));
  auto next = found.begin();
  const auto take = [&](size_t count) {
    next += static_cast<std::ptrdiff_t>(count);
    return std::vector<size_t>(next - static_cast<std::ptrdiff_t>(count), next);
  };
  channels_ = take(plan_.input.channels.size());
  modes_ = take(plan_.input.modes.size());
  if (has_label) label_ = *next++;
  if (!config_.unit.empty()) unit_ = *next++;
  if (!config_.order.empty()) order_ = *next++;
  values_.resize(channels_.size());
  mode_values_.resize(modes_.size());
  return absl::OkStatus();
}

absl::StatusOr<FileRows::Reading> FileRows::Number(size_t column, double* value) const {
  absl::string_view reason;
  switch (ReadNumber(fields_[column], value)) {
    case NumberKind::kNumber:
      return Reading::kValue;
    case NumberKind::kMissing:
      if (fields_[column].empty() && table_->DropAsHalfWritten(column)) {
        return Reading::kHalfWritten;
      }
      if (config_.missing == MissingPolicy::kDrop) return Reading::kMissing;
      return table_->Refusal(column, "no value; missing = \"drop\" leaves such rows out");
    case NumberKind::kNotFinite:
      reason = "is not a finite single-precision number";
      break;
    case NumberKind::kText:
      reason = "is not a number";
      break;
  }
  if (table_->DropAsHalfWritten(column)) return Reading::kHalfWritten;
  return table_->Refusal(column,
                         SiteMessage(Private{Shown(fields_[column]), "a value"}, " ", reason));
}

absl::StatusOr<FileRows::Reading> FileRows::ReadRow() {
  for (const auto& [name, column] : {std::pair(&config_.unit, unit_), {&config_.order, order_}}) {
    if (name->empty() || !fields_[column].empty()) continue;
    if (table_->DropAsHalfWritten(column)) return Reading::kHalfWritten;
    return table_->Refusal(column, "is empty");
  }
  bool incomplete = false;
  double value = 0;
  for (size_t i = 0; i < channels_.size(); ++i) {
    MR_ASSIGN_OR_RETURN(const Reading reading, Number(channels_[i], &value));
    if (reading == Reading::kHalfWritten) return reading;
    incomplete |= reading == Reading::kMissing;
    values_[i] = static_cast<float>(value);
  }
  for (size_t i = 0; i < modes_.size(); ++i) {
    MR_ASSIGN_OR_RETURN(const Reading reading, Number(modes_[i], &mode_values_[i]));
    if (reading == Reading::kHalfWritten) return reading;
    incomplete |= reading == Reading::kMissing;
  }
  if (plan_.label.kind == LabelKind::kColumn) {
    MR_ASSIGN_OR_RETURN(const Reading reading, Number(label_, &value));
    if (reading == Reading::kHalfWritten) return reading;
    if (reading == Reading::kMissing) {
      row_.label = std::numeric_limits<float>::quiet_NaN();
    } else {
      if (const auto problem = LabelProblem(plan_.label, value)) {
        return table_->Refusal(label_, *problem);
      }
      row_.label = static_cast<float>(value);
    }
  }
  row_.incomplete = incomplete;
  row_.values = values_;
  row_.cell = incomplete ? 0 : ModeCell(plan_.input.modes, mode_values_);
  return Reading::kValue;
}

absl::Status FileRows::ReadAll(const std::string& prefix, const std::string& whole_file,
                               UnitRows* units) {
  row_.ordered = !config_.order.empty();
  std::string unit = whole_file;
  bool any = false;
  while (true) {
    MR_ASSIGN_OR_RETURN(const bool more, table_->Next(&fields_));
    if (!more) break;
    MR_ASSIGN_OR_RETURN(const Reading reading, ReadRow());
    if (reading == Reading::kHalfWritten) break;
    if (!config_.unit.empty()) {
      unit = prefix;
      unit.append(fields_[unit_].data(), fields_[unit_].size());
    }
    if (row_.ordered) row_.order = fields_[order_];
    if (!units->Add(unit, row_)) {
      if (table_->DropAsHalfWritten(order_)) break;
      return table_->Refusal(order_,
                             SiteMessage(Private{Shown(row_.order), "a value"},
                                         " does not come after the row before it of ",
                                         Private{absl::StrCat("unit ", Shown(unit)), "its unit"},
                                         "; sort the file, or remove repeated rows"));
    }
    any = true;
  }
  if (!any) return table_->Refusal("empty file; no row of data");
  return absl::OkStatus();
}

// One number per unit, in the order of the units' first rows.
absl::StatusOr<std::vector<double>> ReadTruth(const DataConfig& config) {
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<TableReader> table,
                      TableReader::Open(config.truth, {.separator = ' ',
                                                       .columns = {"steps left"},
                                                       .renames = {},
                                                       .max_bytes = config.max_bytes}));
  std::vector<double> steps_left;
  std::vector<absl::string_view> fields;
  while (true) {
    MR_ASSIGN_OR_RETURN(const bool more, table->Next(&fields));
    if (!more) return steps_left;
    double value = 0;
    if (ReadNumber(fields[0], &value) != NumberKind::kNumber || value < 0) {
      return table->Refusal(
          0, SiteMessage(Private{Shown(fields[0]), "a value"}, " is not a number of steps"));
    }
    steps_left.push_back(value);
  }
}

}  // namespace

absl::StatusOr<std::vector<Series>> LoadDelimited(const DataConfig& config, const Plan& plan) {
  if (plan.label.kind == LabelKind::kRecording) {
    return SiteMessage(
               Private{config.path, "the data"},
               ": the plan's labels are those of recordings, which kind = \"npy\" has; for a "
               "label in each row the plan needs [label] kind = \"column\"")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  if (!config.truth.empty() && plan.label.kind != LabelKind::kRunToFailure) {
    return SiteMessage(Private{config.truth, "[data] truth"},
                       ": truth holds run-to-failure labels, which the plan does not have; remove "
                       "the key")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> paths, ExpandPath(config.path));
  const bool many = config.path.find('*') != std::string::npos;
  UnitRows units(plan);
  for (const std::string& path : paths) {
    MR_ASSIGN_OR_RETURN(const std::unique_ptr<TableReader> table,
                        TableReader::Open(path, {.separator = config.separator,
                                                 .columns = config.columns,
                                                 .renames = config.renames,
                                                 .max_bytes = config.max_bytes}));
    FileRows rows(config, plan, table.get());
    MR_RETURN_IF_ERROR(rows.Bind());
    const std::string name = std::filesystem::path(path).filename().string();
    MR_RETURN_IF_ERROR(rows.ReadAll(many ? absl::StrCat(name, ":") : "", name, &units));
  }
  std::vector<double> steps_left;
  if (!config.truth.empty()) {
    MR_ASSIGN_OR_RETURN(steps_left, ReadTruth(config));
    if (static_cast<int64_t>(steps_left.size()) != units.units()) {
      return SiteMessage(Private{config.truth, "[data] truth"}, ": ", steps_left.size(),
                         " numbers for the ", units.units(), " units of ",
                         Private{config.path, "the data"})
          .ToStatus(absl::StatusCode::kInvalidArgument);
    }
  }
  return units.Take(steps_left);
}

}  // namespace millrace
