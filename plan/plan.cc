// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"
#include "plan/plan_names.h"

namespace millrace {
namespace {

template <typename E, size_t N>
absl::string_view NameIn(const NamedValue<E> (&values)[N], E value) {
  for (const NamedValue<E>& known : values) {
    if (known.value == value) return known.name;
  }
  MR_CHECK(false && "an enumerator without a name");
  return "";
}

}  // namespace

int64_t ModeColumn::Cells() const {
  // Beyond the limit the exact number does not matter, only that it stays an int64.
  const double cells = std::round((max - min) / step) + 1;
  return static_cast<int64_t>(std::clamp(cells, 1.0, kMaxModeCells + 1.0));
}

int64_t InputPlan::ModeCells() const {
  int64_t cells = 1;
  for (const ModeColumn& mode : modes) cells = std::min(cells * mode.Cells(), kMaxModeCells + 1);
  return cells;
}

std::vector<InputColumn> InputPlan::Columns() const {
  std::vector<InputColumn> columns;
  for (size_t i = 0; i < channels.size(); ++i) {
    columns.push_back({channels[i], units.empty() ? "" : units[i]});
  }
  for (const ModeColumn& mode : modes) columns.push_back({mode.column, mode.unit});
  return columns;
}

Task Plan::task() const {
  if (label.kind == LabelKind::kNone) return Task::kReconstruction;
  return label.classes > 1 ? Task::kClassification : Task::kRegression;
}

int64_t Plan::outputs() const {
  switch (task()) {
    case Task::kReconstruction:
      return 0;
    case Task::kClassification:
      return label.classes;
    case Task::kRegression:
      return 1;
  }
  MR_CHECK(false && "an enumerator without a case");
  return 0;
}

int64_t CeilShare(double share, int64_t whole) {
  return static_cast<int64_t>(std::ceil(share * static_cast<double>(whole) * (1 - 1e-12)));
}

int64_t AssumedCorrupt(int64_t sites, double corrupt_share) {
  return std::max<int64_t>(1, CeilShare(corrupt_share, sites));
}

int64_t Plan::cohort_size() const {
  return cohort.target + CeilShare(cohort.over_selection, cohort.target);
}

double LearningRate(const TrainingPlan& training, int64_t round, int64_t rounds) {
  switch (training.schedule) {
    case Schedule::kConstant:
      return training.learning_rate;
    case Schedule::kCosine: {
      if (rounds <= 1) return training.learning_rate;
      const double progress = static_cast<double>(round - 1) / static_cast<double>(rounds - 1);
      const double falling =
          0.5 * (1 + std::cos(std::numbers::pi * std::clamp(progress, 0.0, 1.0)));
      return training.learning_rate * (training.final_share + (1 - training.final_share) * falling);
    }
    case Schedule::kStep: {
      const int64_t drops = std::max<int64_t>(0, round - 1) / training.step_rounds;
      return training.learning_rate * std::pow(training.step_factor, static_cast<double>(drops));
    }
  }
  MR_CHECK(false && "an enumerator without a case");
  return 0;
}

absl::string_view Name(ModelKind kind) { return NameIn(kModelKinds, kind); }
absl::string_view Name(Task task) { return NameIn(kTasks, task); }
absl::string_view Name(ServerOptimizer optimizer) { return NameIn(kServerOptimizers, optimizer); }
absl::string_view Name(SecureMode mode) { return NameIn(kSecureModes, mode); }

}  // namespace millrace
