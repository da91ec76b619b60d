// SPDX-License-Identifier: Apache-2.0
#include "client/data/stored_captures.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "client/capture/capture_folder.h"
#include "client/data/label_value.h"
#include "client/data/site_message.h"
#include "client/data/stored_series.h"

namespace millrace {
namespace {

/// Whether a label says something else than what the plan learns: hours that are left, say, where
/// it learns faults. Chance has no model, and one that learns the normal state has no labels of its
/// own, but what it took to be unusual is no number either.
bool IsLabelledForAnother(const CaptureEvent& event, const Plan& plan) {
  const bool called = event.trigger != CaptureTrigger::kRandom && !event.model.empty();
  if (!called || event.model == plan.run.name) return false;
  return event.own_labels || plan.task() == Task::kRegression;
}

}  // namespace

absl::StatusOr<std::vector<Series>> LoadCaptures(const DataConfig& config,
                                                 const std::string& folder, const Plan& plan,
                                                 NewestRows& newest) {
  const Private where{folder, "the captures"};
  if (plan.label.kind == LabelKind::kRunToFailure) {
    return SiteMessage(where, ": captures do not run to a failure; remove captures = true")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  const CaptureFolder captures(PosixFileSystem(), folder);
  MR_ASSIGN_OR_RETURN(const std::vector<CaptureEntry> entries, captures.List());
  StoredSeries series(plan);
  std::map<std::string, SiteMessage> misfits;  // by capture
  int64_t bytes = 0;
  // From the newest on, if not all fit.
  for (auto place = entries.rbegin(); place != entries.rend(); ++place) {
    const CaptureEntry& entry = *place;
    const auto& wanted = config.machines;
    if (!wanted.empty() && std::ranges::find(wanted, entry.event.machine) == wanted.end()) continue;
    if (!entry.label) continue;
    if (plan.label.kind == LabelKind::kNone && entry.label->value != 0) continue;
    if (IsLabelledForAnother(entry.event, plan)) {
      LogWarning("labelled capture does not train",
                 {{"capture", entry.id},
                  {"reason", absl::StrCat("its label is for the model '", entry.event.model,
                                          "', which called for it")}});
      continue;
    }
    if (const auto problem = LabelProblem(plan.label, entry.label->value)) {
      LogWarning("labelled capture does not train",
                 {{"capture", entry.id}, {"reason", problem->whole()}});
      continue;
    }
    bytes += entry.bytes;
    if (bytes > config.max_bytes) break;
    const absl::StatusOr<Capture> capture = captures.Read(entry.id);
    if (!capture.ok()) continue;  // damaged, or it had to go meanwhile
    const auto label_of = [&](const StoredSeries::Row& row) {
      return entry.event.IsLabelled(row.time_ns) ? static_cast<float>(entry.label->value)
                                                 : std::numeric_limits<float>::quiet_NaN();
    };
    for (const StoredRows& rows : capture->rows) {
      if (std::optional<SiteMessage> misfit = newest.Misfit(rows)) {
        misfits.insert_or_assign(entry.id, *std::move(misfit));
        continue;
      }
      MR_RETURN_IF_ERROR(series
                             .Add(
                                 entry.id, rows, [](const auto&) { return true; }, label_of)
                             .status());
    }
  }
  for (const auto& [capture, misfit] : misfits) {
    LogWarning("labelled capture does not train",
               {{"capture", capture}, {"reason", absl::StrCat("its rows ", misfit.whole())}});
  }
  std::vector<Series> found = series.Take();
  if (found.empty() && config.kind == DataKind::kCaptures && !misfits.empty()) {
    return SiteMessage(where, ": they ", misfits.begin()->second,
                       "; leave this plan to sites with such machines")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  return found;
}

}  // namespace millrace
