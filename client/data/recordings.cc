// SPDX-License-Identifier: Apache-2.0
#include "client/data/recordings.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file_system.h"
#include "base/status.h"
#include "client/data/fields.h"
#include "client/data/label_value.h"
#include "client/data/mode_cell.h"
#include "client/data/npy.h"
#include "client/data/table_reader.h"
#include "plan/rates_and_units.h"

namespace millrace {
namespace {

using Fields = std::vector<absl::string_view>;

constexpr absl::string_view kRateColumn = "rate_hz";

// The manifest comes with the data, from whoever made it: it must not reach files elsewhere.
bool StaysInFolder(const std::filesystem::path& name) {
  if (name.empty() || name.has_root_path()) return false;
  return std::find(name.begin(), name.end(), "..") == name.end();
}

absl::Status CheckLabelKind(const DataConfig& config, const Plan& plan) {
  if (plan.label.kind == LabelKind::kNone || plan.label.kind == LabelKind::kRecording) {
    return absl::OkStatus();
  }
  return SiteMessage(Private{config.path, "the data"},
                     ": recordings have one label each; the plan needs [label] kind = "
                     "\"recording\" or \"none\", or the site data of kind = \"delimited\"")
      .ToStatus(absl::StatusCode::kInvalidArgument);
}

class Manifest {
 public:
  Manifest(const DataConfig& config, const Plan& plan, TableReader* table)
      : config_(config), plan_(plan), table_(table) {}

  absl::Status Bind();
  absl::StatusOr<std::vector<Series>> ReadAll();

 private:
  bool Passes(const Fields& fields) const;
  absl::StatusOr<double> Number(const Fields& fields, size_t column) const;
  absl::Status CheckRate(const Fields& fields) const;
  absl::StatusOr<NpyArray> ReadArray(const std::string& file) const;
  absl::StatusOr<Series> Read(const Fields& fields) const;

  const DataConfig& config_;
  const Plan& plan_;
  TableReader* const table_;  // outlives this object
  size_t file_ = 0;
  size_t label_ = 0;  // used if the plan has recording labels
  std::vector<size_t> modes_;
  std::vector<size_t> where_;
  std::optional<size_t> rate_;  // none: it does not say the recordings' rates
};

absl::Status Manifest::Bind() {
  const bool labelled = plan_.label.kind == LabelKind::kRecording;
  std::vector<std::string> names = {"file"};
  for (const ModeColumn& mode : plan_.input.modes) names.push_back(mode.column);
  for (const RowFilter& filter : config_.where) names.push_back(filter.column);
  if (labelled) names.push_back(plan_.label.column.empty() ? "label" : plan_.label.column);
  MR_ASSIGN_OR_RETURN(const std::vector<size_t> found, table_->Find(names));
  file_ = found[0];
  const auto modes_end = found.begin() + 1 + static_cast<int64_t>(plan_.input.modes.size());
  modes_.assign(found.begin() + 1, modes_end);
  where_.assign(modes_end, modes_end + static_cast<int64_t>(config_.where.size()));
  if (labelled) label_ = found.back();
  const auto rate = std::ranges::find(table_->columns(), kRateColumn);
  if (rate != table_->columns().end()) rate_ = rate - table_->columns().begin();
  return absl::OkStatus();
}

bool Manifest::Passes(const Fields& fields) const {
  for (size_t i = 0; i < where_.size(); ++i) {
    const std::vector<std::string>& values = config_.where[i].values;
    if (std::find(values.begin(), values.end(), fields[where_[i]]) == values.end()) return false;
  }
  return true;
}

absl::StatusOr<double> Manifest::Number(const Fields& fields, size_t column) const {
  double value = 0;
  if (ReadNumber(fields[column], &value) == NumberKind::kNumber) return value;
  return table_->Refusal(
      column, SiteMessage(Private{Shown(fields[column]), "a value"}, " is not a finite number"));
}

absl::Status Manifest::CheckRate(const Fields& fields) const {
  const double wanted_hz = plan_.input.rate_hz;
  if (!rate_ || wanted_hz == 0 || fields[*rate_].empty()) return absl::OkStatus();
  MR_ASSIGN_OR_RETURN(const double rate_hz, Number(fields, *rate_));
  if (IsSameRate(rate_hz, wanted_hz)) return absl::OkStatus();
  return table_->Refusal(
      *rate_, SiteMessage("the recording comes at ", rate_hz, " rows a second, the plan's [input] ",
                          "rate_hz is ", wanted_hz, "; leave it out, or this plan to sites with ",
                          "such data"));
}

absl::StatusOr<NpyArray> Manifest::ReadArray(const std::string& file) const {
  if (!StaysInFolder(file)) {
    return table_->Refusal(
        file_, SiteMessage(Private{Shown(file), "a name"}, " is not a path below the folder ",
                           Private{config_.path, "of the data"}));
  }
  const std::string path = (std::filesystem::path(config_.path) / file).string();
  absl::StatusOr<std::string> bytes = ReadFile(PosixFileSystem(), path, config_.max_bytes);
  if (!bytes.ok()) return table_->Refusal(file_, bytes.status(), bytes.status().code());
  absl::StatusOr<NpyArray> array = ParseNpy(*bytes);
  const Private recording{path, "the recording"};
  if (!array.ok()) return table_->Refusal(file_, SiteMessage(recording, ": ", array.status()));
  const size_t wanted = plan_.input.channels.size();
  const size_t channels = array->shape.size() == 1 ? 1 : static_cast<size_t>(array->shape[1]);
  if (channels != wanted) {
    return table_->Refusal(
        file_, SiteMessage(recording, ": ", channels, " channels where the plan names ", wanted,
                           " (", absl::StrJoin(plan_.input.channels, ", "), ")"));
  }
  for (size_t i = 0; i < array->values.size(); ++i) {
    if (std::isfinite(array->values[i])) continue;
    return table_->Refusal(
        file_, SiteMessage(recording, ": step ", i / wanted, " of channel ",
                           plan_.input.channels[i % wanted], " is not a finite number"));
  }
  if (array->values.empty()) return table_->Refusal(file_, SiteMessage(recording, ": no samples"));
  return array;
}

absl::StatusOr<Series> Manifest::Read(const Fields& fields) const {
  Series series;
  series.unit = std::string(fields[file_]);
  MR_RETURN_IF_ERROR(CheckRate(fields));
  std::vector<double> modes;
  for (const size_t column : modes_) {
    MR_ASSIGN_OR_RETURN(const double value, Number(fields, column));
    modes.push_back(value);
  }
  double label = 0;
  if (plan_.label.kind == LabelKind::kRecording) {
    MR_ASSIGN_OR_RETURN(label, Number(fields, label_));
    if (const auto problem = LabelProblem(plan_.label, label)) {
      return table_->Refusal(label_, *problem);
    }
  }
  MR_ASSIGN_OR_RETURN(NpyArray array, ReadArray(series.unit));
  series.steps = array.shape[0];
  series.values = std::move(array.values);
  const auto steps = static_cast<size_t>(series.steps);
  if (!modes.empty()) series.cells.assign(steps, ModeCell(plan_.input.modes, modes));
  if (plan_.label.kind == LabelKind::kRecording) {
    series.labels.assign(steps, static_cast<float>(label));
  }
  return series;
}

absl::StatusOr<std::vector<Series>> Manifest::ReadAll() {
  std::vector<Series> all;
  Fields fields;
  while (true) {
    MR_ASSIGN_OR_RETURN(const bool more, table_->Next(&fields));
    if (!more) break;
    if (!Passes(fields)) continue;
    MR_ASSIGN_OR_RETURN(Series series, Read(fields));
    all.push_back(std::move(series));
  }
  if (!all.empty()) return all;
  std::vector<std::string> conditions;
  for (const RowFilter& filter : config_.where) {
    conditions.push_back(
        absl::StrCat(filter.column, " in [", absl::StrJoin(filter.values, ", "), "]"));
  }
  if (conditions.empty()) return table_->Refusal("no recording is listed");
  return table_->Refusal(
      SiteMessage("no recording is left by where",
                  Private{absl::StrCat(": ", absl::StrJoin(conditions, " and ")), ""}));
}

}  // namespace

absl::StatusOr<std::vector<Series>> LoadRecordings(const DataConfig& config, const Plan& plan) {
  MR_RETURN_IF_ERROR(CheckLabelKind(config, plan));
  const std::string path = (std::filesystem::path(config.path) / config.manifest).string();
  MR_ASSIGN_OR_RETURN(
      const std::unique_ptr<TableReader> table,
      TableReader::Open(
          path, {.separator = ',', .columns = {}, .renames = {}, .max_bytes = config.max_bytes}));
  Manifest manifest(config, plan, table.get());
  MR_RETURN_IF_ERROR(manifest.Bind());
  return manifest.ReadAll();
}

}  // namespace millrace
