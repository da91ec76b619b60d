// SPDX-License-Identifier: Apache-2.0
#include "models/scaling.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "models/deviation.h"

namespace millrace {
namespace {

constexpr int64_t kMoments = 3;  // count, sum, sum of squares
// Rows summed before the partial sum is folded in: bounds the rounding error by about
// (4096 + rows / 4096) * 2^-53 instead of rows * 2^-53.
constexpr int64_t kRowsPerBlock = 4096;

int32_t CellOf(const Series& series, int64_t row) {
  return series.cells.empty() ? 0 : series.cells[row];
}

std::string Where(const InputPlan& input, int64_t cell, int64_t channel) {
  return absl::StrCat("scaling moments of channel '", input.channels[channel],
                      "' in operating mode ", cell);
}

absl::Status CheckMoments(const InputPlan& input, std::span<const double> moments) {
  const auto channels = static_cast<int64_t>(input.channels.size());
  const int64_t expected = input.ModeCells() * channels * kMoments;
  if (static_cast<int64_t>(moments.size()) != expected) {
    return absl::InvalidArgumentError(absl::StrCat("scaling moments: ", moments.size(),
                                                   " numbers, the plan's [input] needs ", expected,
                                                   "; were they summed under another plan?"));
  }
  for (int64_t i = 0; i < input.ModeCells() * channels; ++i) {
    const double* m = &moments[i * kMoments];
    const std::string where = Where(input, i / channels, i % channels);
    if (!std::isfinite(m[0]) || !std::isfinite(m[1]) || !std::isfinite(m[2])) {
      return absl::InvalidArgumentError(absl::StrCat(
          where, " are not finite; look for missing or infinite readings at the sites"));
    }
    if (m[0] < 0 || m[2] < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": a negative count or sum of squares; a site sent a wrong update"));
    }
    if (m[0] != moments[(i - i % channels) * kMoments]) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": ", m[0], " rows, but the mode's first channel has ",
                       moments[(i - i % channels) * kMoments], "; a site sent a wrong update"));
    }
  }
  return absl::OkStatus();
}

/// `moments`: [channels, 3], count > 0.
Scaling::Mode ModeFromMoments(int32_t cell, std::span<const double> moments) {
  Scaling::Mode mode;
  mode.cell = cell;
  mode.count = std::llround(moments[0]);
  for (size_t i = 0; i < moments.size(); i += kMoments) {
    const double mean = moments[i + 1] / moments[i];
    const double variance = moments[i + 2] / moments[i] - mean * mean;
    mode.mean.push_back(static_cast<float>(mean));
    mode.deviation.push_back(static_cast<float>(UsableDeviation(variance, mean)));
  }
  return mode;
}

}  // namespace

std::vector<double> ScalingMoments(const InputPlan& input, std::span<const Series> series) {
  const auto channels = static_cast<int64_t>(input.channels.size());
  const int64_t cells = input.ModeCells();
  std::vector<double> total(cells * channels * kMoments);
  std::vector<double> block(total.size());
  std::vector<int32_t> touched;  // cells with rows in the block
  for (const Series& s : series) {
    MR_CHECK(static_cast<int64_t>(s.values.size()) == s.steps * channels);
    for (int64_t begin = 0; begin < s.steps; begin += kRowsPerBlock) {
      touched.clear();
      for (int64_t row = begin; row < std::min(s.steps, begin + kRowsPerBlock); ++row) {
        const int32_t cell = CellOf(s, row);
        MR_CHECK(cell >= 0 && cell < cells);
        double* m = &block[cell * channels * kMoments];
        if (m[0] == 0) touched.push_back(cell);
        for (int64_t c = 0; c < channels; ++c, m += kMoments) {
          const double value = s.values[row * channels + c];
          m[0] += 1;
          m[1] += value;
          m[2] += value * value;
        }
      }
      for (const int32_t cell : touched) {
        const int64_t first = cell * channels * kMoments;
        for (int64_t i = first; i < first + channels * kMoments; ++i) {
          total[i] += block[i];
          block[i] = 0;
        }
      }
    }
  }
  return total;
}

absl::StatusOr<Scaling> Scaling::FromMoments(const InputPlan& input,
                                             std::span<const double> moments) {
  if (absl::Status status = CheckMoments(input, moments); !status.ok()) return status;
  Scaling scaling;
  scaling.channels = static_cast<int64_t>(input.channels.size());
  const int64_t per_cell = scaling.channels * kMoments;
  std::vector<double> pooled(per_cell);
  for (int64_t cell = 0; cell < input.ModeCells(); ++cell) {
    const std::span<const double> m = moments.subspan(cell * per_cell, per_cell);
    if (m.empty() || m[0] == 0) continue;
    scaling.modes.push_back(ModeFromMoments(static_cast<int32_t>(cell), m));
    for (int64_t i = 0; i < per_cell; ++i) pooled[i] += m[i];
  }
  if (scaling.modes.empty()) {
    return absl::InvalidArgumentError(
        "scaling moments: no site has any rows; check the sites' data sources");
  }
  scaling.overall = ModeFromMoments(-1, pooled);
  return scaling;
}

void Scaling::Apply(std::span<float> rows, std::span<const int32_t> cells) const {
  const int64_t count = static_cast<int64_t>(rows.size()) / channels;
  MR_CHECK(static_cast<int64_t>(rows.size()) == count * channels);
  MR_CHECK(cells.empty() || static_cast<int64_t>(cells.size()) == count);
  const Mode* mode = nullptr;
  int32_t cell_of_mode = -1;
  for (int64_t row = 0; row < count; ++row) {
    const int32_t cell = cells.empty() ? 0 : cells[row];
    if (mode == nullptr || cell != cell_of_mode) {
      const auto found = std::ranges::lower_bound(modes, cell, {}, &Mode::cell);
      mode = found != modes.end() && found->cell == cell ? &*found : &overall;
      cell_of_mode = cell;
    }
    float* values = &rows[row * channels];
    for (int64_t c = 0; c < channels; ++c) {
      values[c] = (values[c] - mode->mean[c]) / mode->deviation[c];
    }
  }
}

void Scaling::Apply(Series& series) const {
  MR_CHECK(static_cast<int64_t>(series.values.size()) == series.steps * channels);
  Apply(series.values, series.cells);
}

}  // namespace millrace
