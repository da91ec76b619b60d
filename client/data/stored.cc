// SPDX-License-Identifier: Apache-2.0
#include "client/data/stored.h"

#include <algorithm>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "client/data/site_message.h"
#include "client/data/stored_series.h"
#include "client/store/store_reader.h"

namespace millrace {
namespace {

constexpr int64_t kDayNs = int64_t{86'400} * 1'000'000'000;

}  // namespace

absl::StatusOr<std::vector<Series>> LoadStored(const DataConfig& config, const Plan& plan,
                                               NewestRows& newest) {
  const Private folder{config.path, "the recordings"};
  if (plan.label.kind != LabelKind::kNone && plan.label.kind != LabelKind::kColumn) {
    return SiteMessage(folder, ": recordings of machines have no such labels; the plan needs ",
                       "[label] kind = \"none\" or \"column\", or the site other data, such as ",
                       "kind = \"captures\"")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  MR_ASSIGN_OR_RETURN(const StoreReader store, StoreReader::Open(PosixFileSystem(), config.path));
  const int64_t end_ns = store.end_ns(absl::GetCurrentTimeNanos());
  int64_t from_ns = std::numeric_limits<int64_t>::min();
  if (config.days > 0) {
    from_ns = std::max<int64_t>(store.newest_ns(end_ns), 0) - config.days * kDayNs;
  }
  const int64_t fits_ns = store.NewestWithin(config.max_bytes, config.machines, end_ns);
  if (fits_ns > from_ns) {
    from_ns = fits_ns;
    LogInfo("older recordings do not train",
            {{"before", absl::FormatTime(absl::FromUnixNanos(from_ns), absl::UTCTimeZone())},
             {"max_bytes", config.max_bytes},
             {"reason",
              "all that trains comes into memory: [data] max_bytes, or a third of "
              "[training] memory_mb"}});
  }

  // A fault must not be learnt as normal.
  const bool all = config.alarms || plan.label.kind != LabelKind::kNone;
  const auto uses = [all](const StoredSeries::Row& row) { return all || !row.alarm; };
  StoredSeries series(plan);
  bool fits = false;
  absl::Status status;
  for (const std::string& machine : store.Machines()) {
    const auto& wanted = config.machines;
    if (!wanted.empty() && std::ranges::find(wanted, machine) == wanted.end()) continue;
    store.Read(machine, from_ns, end_ns, [&](const StoredRows& rows) {
      const absl::StatusOr<bool> added = series.Add(machine, rows, uses);
      status.Update(added.status());
      fits = fits || (added.ok() && *added);
      newest.Note(rows);
    });
  }
  MR_RETURN_IF_ERROR(status);
  for (const auto& [machine, misfit] : series.misfits()) {
    LogWarning("recordings do not train",
               {{"machine", machine}, {"reason", absl::StrCat("they ", misfit.whole())}});
  }
  std::vector<Series> found = series.Take();
  if (!found.empty()) return found;
  if (!series.misfits().empty()) {
    return SiteMessage(folder, ": they ", series.misfits().begin()->second,
                       "; see to [[machine]] rate_hz and [[machine.channel]] unit, or leave this ",
                       "plan to sites with such machines")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  return SiteMessage(folder,
                     fits ? ": every row is flagged, or was taken in an alarm"
                          : ": nothing is recorded yet of a machine with the channels ",
                     fits ? "" : absl::StrJoin(plan.input.channels, ", "))
      .ToStatus(absl::StatusCode::kInvalidArgument);
}

}  // namespace millrace
