// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "aggregation/secure/cohort_graph.h"
#include "base/status.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/format_plan.h"
#include "coordinator/cli/local_file.h"
#include "plan/toml_reader.h"

namespace millrace {
namespace {

absl::StatusOr<ExitCode> Check(const CommandContext& context, const std::string& path) {
  MR_ASSIGN_OR_RETURN(const std::string text,
                      ReadLocalFile(context.environment->files, path, kMaxTomlBytes));
  const absl::StatusOr<Plan> plan = ParsePlan(text);
  if (!plan.ok()) return Annotate(plan.status(), path);
  const absl::StatusOr<Architecture> architecture = BuildArchitecture(*plan);
  if (!architecture.ok()) return Annotate(architecture.status(), path);
  if (absl::Status secure = CheckSecurePlan(*plan); !secure.ok()) return Annotate(secure, path);
  return context.Show(PlanText(*plan, *architecture), PlanJson(*plan, *architecture));
}

}  // namespace

void AddPlanCommands(CLI::App* app, CommandContext* context) {
  CLI::App* group = AddGroup(app, "plan", "The configuration of a run");
  const auto path = std::make_shared<std::string>();
  CLI::App* command = AddCommand(
      group, "check",
      "Check a plan without a coordinator, as `run start` does with one: refuses what cannot "
      "work,\n"
      "naming line, key and reason, and says what the plan would do otherwise.",
      "millrace plan check turbofan.toml", context, [=] { return Check(*context, *path); });
  command->add_option("FILE", *path, "The plan, a TOML file")->required();
}

}  // namespace millrace
