// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/export.h"
#include "coordinator/cli/format_model.h"
#include "coordinator/cli/local_file.h"
#include "coordinator/cli/units.h"
#include "models/package.h"

namespace millrace {
namespace {

constexpr int64_t kNewest = -1;

struct ModelArguments {
  std::string run;
  int64_t version = kNewest;
  int64_t limit = 100;
  std::string path;
};
using ModelArgumentsPtr = std::shared_ptr<ModelArguments>;

absl::StatusOr<ExitCode> ListModels(const CommandContext& context,
                                    const ModelArguments& arguments) {
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_ASSIGN_OR_RETURN(const v1::ListModelsResponse models,
                      connection->ListModels(arguments.run, arguments.limit));
  return context.Show(ModelsText(models, context.environment->zone), ModelsJson(models));
}

absl::StatusOr<ExitCode> ShowModel(const CommandContext& context, const ModelArguments& arguments) {
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_ASSIGN_OR_RETURN(const v1::Model model,
                      connection->GetModel(arguments.run, arguments.version));
  return context.Show(ModelText(model, context.environment->zone), ModelJson(model));
}

absl::StatusOr<ExitCode> Export(const CommandContext& context, const ModelArguments& arguments) {
  MR_ASSIGN_OR_RETURN(const auto connection, context.Connect());
  MR_ASSIGN_OR_RETURN(const v1::Model model,
                      connection->GetModel(arguments.run, arguments.version));
  const int64_t expected = model.parameters() * static_cast<int64_t>(sizeof(float));
  const absl::Time begin = context.Now();
  Console* const console = context.console;
  // By its number: the newest may be another one by now.
  const absl::StatusOr<Exported> exported = ExportModel(
      connection.get(), context.environment->files, model.run(), model.version(), arguments.path,
      [&](int64_t bytes) {
        if (context.json) return;
        console->Live(
            Fit(absl::StrCat(arguments.path, ": ", HumanBytes(bytes), " of ", HumanBytes(expected)),
                console->columns()));
      });
  console->Live("");
  MR_RETURN_IF_ERROR(exported.status());
  const absl::Duration took = context.Now() - begin;
  Json document = PackageJson(exported->package);
  document["file"] = arguments.path;
  document["bytes"] = exported->bytes;
  return context.Show(
      absl::StrCat("run ", model.run(), " version ", model.version(), " -> ", arguments.path, "  ",
                   HumanBytes(exported->bytes), " in ", HumanDuration(took), " (",
                   HumanRate(exported->bytes, took), "), checked\n"),
      document);
}

absl::StatusOr<ExitCode> Inspect(const CommandContext& context, const ModelArguments& arguments) {
  const absl::StatusOr<ModelPackage> package =
      ReadPackage(context.environment->files, arguments.path);
  if (!package.ok()) return LocalStatus(package.status());
  return context.Show(PackageText(*package, context.environment->zone), PackageJson(*package));
}

void AddVersion(CLI::App* command, const ModelArgumentsPtr& arguments) {
  command->add_option("RUN", arguments->run, "The run, as `run list` names it")->required();
  command->add_option("VERSION", arguments->version, "Its version; the newest if none is given")
      ->check(CLI::NonNegativeNumber);
}

void AddModelList(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<ModelArguments>();
  CLI::App* command = AddCommand(group, "list",
                                 "List model versions, the newest first, of one run or of all: who "
                                 "made them and how good they\n"
                                 "are on the sites' held-back data. Version 0 is the start value; "
                                 "a version is measured by the\n"
                                 "round after the one that made it.",
                                 "millrace model list turbofan-1", context,
                                 [=] { return ListModels(*context, *arguments); });
  command->add_option("RUN", arguments->run, "Only this run's");
  command->add_option("--limit", arguments->limit, "At most so many")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  AddConnectionOptions(command, context);
}

void AddModelShow(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<ModelArguments>();
  CLI::App* command = AddCommand(
      group, "show",
      "Show one model version: its size, the digest of its parameters, the sites and examples\n"
      "behind it, and its metrics.",
      "millrace model show turbofan-1 30", context,
      [=] { return ShowModel(*context, *arguments); });
  AddVersion(command, arguments);
  AddConnectionOptions(command, context);
}

void AddExport(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<ModelArguments>();
  CLI::App* command = AddCommand(
      group, "export",
      "Fetch one model version as a package: one file with the parameters, the graph, the scaling\n"
      "and the plan. It is written beside FILE, checked, and then takes FILE's place.",
      "millrace model export turbofan-1 30 --out turbofan-30.millrace", context,
      [=] { return Export(*context, *arguments); });
  AddVersion(command, arguments);
  command->add_option("--out", arguments->path, "The file to write")->required()->type_name("FILE");
  AddConnectionOptions(command, context);
}

void AddInspect(CLI::App* group, CommandContext* context) {
  const auto arguments = std::make_shared<ModelArguments>();
  CLI::App* command = AddCommand(
      group, "inspect",
      "Check a model package, without a coordinator, and show what it holds: where it comes from,\n"
      "what goes in and out, how good it is, its tensors and its card.",
      "millrace model inspect turbofan-30.millrace", context,
      [=] { return Inspect(*context, *arguments); });
  command->add_option("FILE", arguments->path, "The package")->required();
}

}  // namespace

void AddModelCommands(CLI::App* app, CommandContext* context) {
  CLI::App* group = AddGroup(app, "model", "Model versions and packages");
  AddModelList(group, context);
  AddModelShow(group, context);
  AddExport(group, context);
  AddInspect(group, context);
  AddSignCommands(group, context);
}

}  // namespace millrace
