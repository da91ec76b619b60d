// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/format_run.h"
#include "coordinator/cli/local_file.h"
#include "coordinator/cli/watch.h"
#include "plan/toml_reader.h"

namespace millrace {
namespace {

struct RunArguments {
  std::string plan;  // path
  bool watch = false;
  std::string run;
  std::string reason;
  int64_t patience_s = 60;
};

absl::StatusOr<ExitCode> Follow(const CommandContext& context, const std::string& run,
                                const RunArguments& arguments, Connection* connection) {
  WatchOptions options;
  options.json = context.json;
  options.patience = absl::Seconds(arguments.patience_s);
  return WatchRun(run, options, connection, context.console, context.environment->clock);
}

/// What the coordinator says of the plan with the plan's file; a lost answer with the way to find
/// out, because a second start would be a second run.
absl::Status StartFailure(const absl::Status& status, const std::string& path) {
  if (absl::IsInvalidArgument(status)) return Annotate(status, path);
  if (ExitCodeOf(status) != ExitCode::kUnreachable) return status;
  return absl::Status(
      status.code(),
      absl::StrCat(status.message(),
                   "; see with `millrace run list` whether the run was started after all"));
}

absl::StatusOr<ExitCode> Start(const CommandContext& context, const RunArguments& arguments) {
  MR_ASSIGN_OR_RETURN(const std::string plan,
                      ReadLocalFile(context.environment->files, arguments.plan, kMaxTomlBytes));
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  const absl::StatusOr<v1::Run> run = connection->StartRun(plan);
  if (!run.ok()) return StartFailure(run.status(), arguments.plan);
  if (!arguments.watch) {
    return context.Show(absl::StrCat("run ", run->id(), " started; follow it with: millrace run ",
                                     "watch ", run->id(), "\n"),
                        RunSummaryJson(*run));
  }
  if (context.json) {
    Json line = {{"type", "start"}};
    line.update(RunSummaryJson(*run));
    context.console->Print(JsonLine(line));
  } else {
    context.console->Print(absl::StrCat("run ", run->id(), " started"));
  }
  return Follow(context, run->id(), arguments, connection.get());
}

absl::StatusOr<ExitCode> WatchRun(const CommandContext& context, const RunArguments& arguments) {
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  return Follow(context, arguments.run, arguments, connection.get());
}

absl::StatusOr<ExitCode> ListRuns(const CommandContext& context) {
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_ASSIGN_OR_RETURN(const v1::ListRunsResponse runs, connection->ListRuns());
  return context.Show(RunsText(runs, context.Now(), context.environment->zone), RunsJson(runs));
}

absl::StatusOr<ExitCode> ShowRun(const CommandContext& context, const RunArguments& arguments) {
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_ASSIGN_OR_RETURN(const v1::Run run, connection->GetRun(arguments.run));
  return context.Show(RunText(run, context.Now(), context.environment->zone), RunJson(run));
}

absl::StatusOr<ExitCode> Stop(const CommandContext& context, const RunArguments& arguments) {
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_ASSIGN_OR_RETURN(const v1::Run run, connection->StopRun(arguments.run, arguments.reason));
  return context.Show(RunEndedText(run), RunSummaryJson(run));
}

using RunArgumentsPtr = std::shared_ptr<RunArguments>;

void AddRunArgument(CLI::App* command, const RunArgumentsPtr& arguments) {
  command->add_option("RUN", arguments->run, "The run, as `run list` names it")->required();
}

void AddPatience(CLI::App* command, const RunArgumentsPtr& arguments) {
  command
      ->add_option("--patience", arguments->patience_s,
                   "How long to try again while the coordinator is away")
      ->check(CLI::Range(0, 7 * 24 * 3600))
      ->type_name("SECONDS")
      ->capture_default_str();
}

void AddStart(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<RunArguments>();
  CLI::App* command = AddCommand(group, "start",
                                 "Start a run from a plan. The coordinator checks the plan first "
                                 "and refuses what cannot work,\n"
                                 "naming line, key and reason; `plan check` does the same without "
                                 "one. The run goes on without\n"
                                 "this program; --watch follows it to its end.",
                                 "millrace run start turbofan.toml --watch", context,
                                 [=] { return Start(*context, *arguments); });
  command->add_option("PLAN", arguments->plan, "The plan, a TOML file")->required();
  command->add_flag("--watch", arguments->watch, "Follow the run as `run watch` does");
  AddPatience(command, arguments);
  AddConnectionOptions(command, context);
}

void AddWatch(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<RunArguments>();
  CLI::App* command = AddCommand(
      group, "watch",
      "Follow a run to its end: a line per round with the sites behind it, its training loss and\n"
      "what the sites measured on held-back data of the model that the round started from; failed\n"
      "attempts and sites as they come; on a terminal a bar of the open round. A coordinator that\n"
      "goes away is tried again for --patience seconds. With --json: a line per ended round\n"
      "({\"type\": \"round\", ...}) and one for the end ({\"type\": \"end\", ...}).",
      "millrace run watch turbofan-1 && millrace model export turbofan-1 --out turbofan.millrace",
      context, [=] { return WatchRun(*context, *arguments); });
  AddRunArgument(command, arguments);
  AddPatience(command, arguments);
  AddConnectionOptions(command, context);
}

void AddRunList(CLI::App* group, CommandContext* context) {
  CLI::App* command = AddCommand(
      group, "list",
      "List all runs, the newest first: how far each has come, how long it took, and why "
      "it ended.",
      "millrace run list --json | jq -r '.runs[] | select(.state == \"running\") | .run'", context,
      [=] { return ListRuns(*context); });
  AddConnectionOptions(command, context);
}

void AddRunShow(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<RunArguments>();
  CLI::App* command = AddCommand(
      group, "show",
      "Show a run: its rounds with every attempt, what they measured and transferred, and which\n"
      "sites failed and why. With --json also the plan.",
      "millrace run show turbofan-1 --json | jq -r .plan", context,
      [=] { return ShowRun(*context, *arguments); });
  AddRunArgument(command, arguments);
  AddConnectionOptions(command, context);
}

void AddStop(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<RunArguments>();
  CLI::App* command =
      AddCommand(group, "stop",
                 "End a run. Its open round is abandoned, its versions stay and can be exported. A "
                 "run that has\n"
                 "ended is left as it is.",
                 "millrace run stop turbofan-1 --reason \"wrong sensor on press 7\"", context,
                 [=] { return Stop(*context, *arguments); });
  AddRunArgument(command, arguments);
  command->add_option("--reason", arguments->reason, "Stands in the run's history")
      ->type_name("TEXT");
  AddConnectionOptions(command, context);
}

}  // namespace

void AddRunCommands(CLI::App* app, CommandContext* context) {
  CLI::App* group = AddGroup(app, "run", "Training jobs: start, follow, stop");
  AddStart(group, context);
  AddRunList(group, context);
  AddRunShow(group, context);
  AddWatch(group, context);
  AddStop(group, context);
}

}  // namespace millrace
