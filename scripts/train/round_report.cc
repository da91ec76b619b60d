// SPDX-License-Identifier: Apache-2.0
#include "scripts/train/round_report.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace millrace {
namespace {

const char* MetricOf(Task task) {
  switch (task) {
    case Task::kRegression:
      return "rmse";
    case Task::kClassification:
      return "accuracy";
    case Task::kReconstruction:
      return "mse";
  }
  return "";
}

std::string What(const Plan& plan, const RoundReport& report) {
  switch (report.task) {
    case TaskKind::kStatistics:
      return "scaling";
    case TaskKind::kTraining:
      return absl::StrFormat("round %3d/%d", report.round, plan.run.rounds);
    case TaskKind::kEvaluation:
      return "evaluation";
  }
  return "";
}

}  // namespace

std::string RoundLine(const Plan& plan, const RoundReport& report, double seconds) {
  std::string line = absl::StrFormat("%-13s  sites %d", What(plan, report), report.sites);
  if (const auto loss = report.metrics.find("train_loss"); loss != report.metrics.end()) {
    absl::StrAppendFormat(&line, "   train loss %.5f", loss->second);
  }
  const char* const name = MetricOf(plan.task());
  if (const auto metric = report.metrics.find(name); metric != report.metrics.end()) {
    absl::StrAppendFormat(&line, "   validation %s %.4f", name, metric->second);
  }
  absl::StrAppendFormat(&line, "   %.1f s", seconds);
  return line;
}

RoundListener PrintRounds(const Plan& plan) {
  return [plan, before = SystemClock()->Now()](const RoundReport& report) mutable {
    const absl::Time now = SystemClock()->Now();
    std::fprintf(stderr, "%s\n",
                 RoundLine(plan, report, absl::ToDoubleSeconds(now - before)).c_str());
    before = now;
  };
}

}  // namespace millrace
