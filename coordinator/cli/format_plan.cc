// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/format_plan.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "aggregation/secure/masked_vector.h"
#include "coordinator/cli/table.h"
#include "coordinator/cli/units.h"
#include "coordinator/round/decide.h"
#include "models/model_input.h"
#include "models/task.h"

namespace millrace {
namespace {

constexpr int64_t kFloatBytes = sizeof(float);

const char* NormalizationText(Normalization normalization) {
  switch (normalization) {
    case Normalization::kFederated:
      return "normalized by the federation's statistics";
    case Normalization::kWindow:
      return "normalized by window";
    case Normalization::kNone:
      return "not normalized";
  }
  return "";
}

std::string CohortText(const CohortPlan& cohort, int64_t invited) {
  return absl::StrCat("invites up to ", invited, " sites, ends a round with ", cohort.target,
                      " updates or after ", HumanDuration(absl::Seconds(cohort.deadline_s)),
                      " with at least ", cohort.minimum);
}

/// What rounding costs a mean over a full cohort whose sites weigh as much as they may.
double QuantisationError(const Plan& plan) {
  const absl::StatusOr<FixedPoint> fixed_point = FixedPointOf(plan);
  return fixed_point.ok() ? fixed_point->WorstError(static_cast<double>(plan.cohort_size())) : 0;
}

std::string SecureText(const Plan& plan) {
  if (!plan.secure.on()) return "off: the coordinator can read each site's update";
  return absl::StrCat(std::string(Name(plan.secure.mode)), ", ", plan.secure.bits,
                      " bits, elements beyond ", HumanNumber(plan.secure.bound),
                      " are clipped, rounding costs the mean at most ",
                      HumanNumber(QuantisationError(plan)), " / (mean share of max_weight)");
}

std::string StartText(const Plan& plan) {
  const StartPlan& start = plan.start;
  if (!start.waits()) return "at once";
  return absl::StrCat("when ", HumanNumber(100 * start.on_drift_share),
                      " % of the sites report drift of model ", plan.run.name, ", and at least ",
                      DriftNeeded(plan, 0), " of them");
}

std::string PlannedRoundsText(const Plan& plan) {
  return absl::StrCat(plan.run.rounds, " of training",
                      FirstRound(plan) == 0 ? ", after one that sums scaling statistics" : "",
                      LastRound(plan) > plan.run.rounds ? ", then one of evaluation" : "");
}

/// By name, of channels and modes; a column that is both has the same of each.
std::vector<std::pair<std::string, std::string>> UnitsOf(const v1::ModelInput& input) {
  std::vector<std::pair<std::string, std::string>> units;
  for (const auto* columns : {&input.channels(), &input.modes()}) {
    for (const v1::ModelInput::Column& column : *columns) {
      const std::pair<std::string, std::string> unit(column.name(), column.unit());
      const bool known = std::ranges::find(units, unit) != units.end();
      if (!column.unit().empty() && !known) units.push_back(unit);
    }
  }
  return units;
}

}  // namespace

std::string InputText(const Plan& plan) {
  const double hz = plan.input.rate_hz;
  return absl::StrCat(plan.input.channels.size(), " channels x ", plan.input.window, " steps",
                      hz > 0 ? absl::StrCat(" at ", hz, " Hz") : "", ", ",
                      NormalizationText(plan.input.normalization));
}

std::string UnitsText(const v1::ModelInput& input) {
  const auto units = UnitsOf(input);
  return absl::StrJoin(units, ", ", absl::PairFormatter(" in "));
}

Json InputJson(const v1::ModelInput& input) {
  Json channels = Json::array();
  for (const auto& channel : input.channels()) channels.push_back(channel.name());
  Json units = Json::object();
  for (const auto& [name, unit] : UnitsOf(input)) units[name] = unit;
  return {{"rate_hz", input.rate_hz() > 0 ? Json(input.rate_hz()) : Json()},
          {"channels", std::move(channels)},
          {"units", std::move(units)}};
}

std::string OutputText(const Plan& plan) {
  std::string text(Name(plan.task()));
  if (plan.task() == Task::kClassification) {
    absl::StrAppend(&text, ", ", plan.label.classes, " classes");
  }
  return text;
}

std::string PlanText(const Plan& plan, const Architecture& architecture) {
  const int64_t parameters = architecture.layout.size();
  return KeyValueText({{"plan", plan.run.name},
                       {"start", StartText(plan)},
                       {"rounds", PlannedRoundsText(plan)},
                       {"cohort", CohortText(plan.cohort, plan.cohort_size())},
                       {"model", absl::StrCat(std::string(Name(plan.model.kind)), ", ",
                                              HumanCount(parameters), " parameters")},
                       {"input", InputText(plan)},
                       {"units", UnitsText(ModelInputOf(plan.input))},
                       {"output", OutputText(plan)},
                       {"server", std::string(Name(plan.server.optimizer))},
                       {"masks", SecureText(plan)},
                       {"transfer", absl::StrCat(HumanBytes(parameters * kFloatBytes),
                                                 " down and up per site and training round")}});
}

Json PlanJson(const Plan& plan, const Architecture& architecture) {
  return {{"plan", plan.run.name},
          {"start",
           {{"on_drift_share", plan.start.on_drift_share},
            {"at_least_sites", plan.start.at_least_sites},
            {"seen_within_s", plan.start.seen_within_s}}},
          {"rounds", plan.run.rounds},
          {"first_round", FirstRound(plan)},
          {"last_round", LastRound(plan)},
          {"cohort",
           {{"target", plan.cohort.target},
            {"minimum", plan.cohort.minimum},
            {"invited", plan.cohort_size()},
            {"deadline_s", plan.cohort.deadline_s}}},
          {"model", std::string(Name(plan.model.kind))},
          {"task", std::string(Name(plan.task()))},
          {"input", InputJson(ModelInputOf(plan.input))},
          {"parameters", architecture.layout.size()},
          {"server", std::string(Name(plan.server.optimizer))},
          {"secure_aggregation",
           {{"mode", std::string(Name(plan.secure.mode))},
            {"bits", plan.secure.bits},
            {"bound", plan.secure.bound},
            {"worst_error_at_max_weight", QuantisationError(plan)}}},
          {"bytes_per_model", architecture.layout.size() * kFloatBytes}};
}

}  // namespace millrace
