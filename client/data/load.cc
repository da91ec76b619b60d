// SPDX-License-Identifier: Apache-2.0
#include "client/data/load.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <utility>

#include "base/status.h"
#include "client/data/data_fit.h"
#include "client/data/delimited.h"
#include "client/data/newest_rows.h"
#include "client/data/recordings.h"
#include "client/data/site_message.h"
#include "client/data/stored.h"
#include "client/data/stored_captures.h"

namespace millrace {
namespace {

// Keeps rows [begin, end) of a [rows, width] matrix.
template <typename T>
void KeepRows(int64_t begin, int64_t end, int64_t width, std::vector<T>& matrix) {
  if (matrix.empty()) return;
  matrix.erase(matrix.begin() + end * width, matrix.end());
  matrix.erase(matrix.begin(), matrix.begin() + begin * width);
}

void KeepShare(const DataConfig& config, int64_t channels, Series& series) {
  const auto step = [&](double share) {
    return static_cast<int64_t>(std::floor(share * static_cast<double>(series.steps)));
  };
  const int64_t begin = step(config.from_share);
  const int64_t end = step(config.to_share);
  KeepRows(begin, end, channels, series.values);
  KeepRows(begin, end, 1, series.cells);
  KeepRows(begin, end, 1, series.labels);
  series.steps = end - begin;
}

absl::StatusOr<std::vector<Series>> LoadKind(const DataConfig& config, const Plan& plan,
                                             NewestRows& newest) {
  switch (config.kind) {
    case DataKind::kDelimited:
      return LoadDelimited(config, plan);
    case DataKind::kNpy:
      return LoadRecordings(config, plan);
    case DataKind::kStore:
      return LoadStored(config, plan, newest);
    case DataKind::kCaptures:
      return LoadCaptures(config, config.path, plan, newest);
  }
  return absl::InternalError("data of no kind");
}

}  // namespace

absl::StatusOr<std::vector<Series>> LoadSeries(const DataConfig& config, const Plan& plan) {
  if (const std::optional<SiteMessage> misfit = MisfitOf(config, plan.input)) {
    return SiteMessage(Private{config.path, "the data"}, ": they ", *misfit,
                       "; convert them and correct [data] rate_hz or units, or leave this plan to ",
                       "sites with such data")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  NewestRows newest(config, plan);
  MR_ASSIGN_OR_RETURN(std::vector<Series> series, LoadKind(config, plan, newest));
  if (config.from_share > 0 || config.to_share < 1) {
    for (Series& s : series) {
      KeepShare(config, static_cast<int64_t>(plan.input.channels.size()), s);
    }
  }
  if (config.with_captures) {
    MR_ASSIGN_OR_RETURN(std::vector<Series> captures,
                        LoadCaptures(config, config.captures_folder, plan, newest));
    std::ranges::move(captures, std::back_inserter(series));
  }
  std::erase_if(series, [](const Series& s) { return s.steps == 0; });
  if (series.empty()) {
    return SiteMessage(Private{config.path, "the data"},
                       ": no row is left; look at missing = \"drop\", from_share and to_share")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  return series;
}

}  // namespace millrace
