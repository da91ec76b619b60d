// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/text.h"
#include "coordinator/cli/command.h"
#include "coordinator/cli/console.h"
#include "coordinator/cli/json.h"

namespace millrace {
namespace {

/// `status` on standard error and, for a script that asked for JSON, on standard output.
ExitCode Report(const absl::Status& status, bool json, Console* console, ExitCode code) {
  console->Complain(Printable(status.message()));
  if (json) console->Print(JsonLine(JsonError(status)));
  return code;
}

}  // namespace

ExitCode RunCli(const std::vector<std::string>& arguments, const CliEnvironment& environment) {
  Console console(environment.out, environment.err, environment.columns);
  CommandContext context;
  context.environment = &environment;
  context.console = &console;
  CLI::App app("The command line of a federation's operator.", "millrace");
  app.require_subcommand(1);
  app.set_version_flag("--version", "millrace " MILLRACE_VERSION);
  app.footer(
      absl::StrCat("Every command explains itself: millrace run watch --help\n\n", kExitCodesHelp));
  AddAuthorityCommands(&app, &context);
  AddPlanCommands(&app, &context);
  AddRunCommands(&app, &context);
  AddSiteCommands(&app, &context);
  AddPersonCommands(&app, &context);
  AddModelCommands(&app, &context);
  AddBackupCommands(&app, &context);
  AddAuditCommands(&app, &context);
  try {
    // CLI11 takes its vector from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::Success& asked) {  // --help, --version
    app.exit(asked, *environment.out, *environment.err);
    return ExitCode::kOk;
  } catch (const CLI::ParseError& error) {
    const bool json = std::count(arguments.begin(), arguments.end(), "--json") > 0;
    return Report(absl::InvalidArgumentError(
                      absl::StrCat(error.what(), "; --help shows what the command takes")),
                  json, &console, ExitCode::kUsage);
  }
  const absl::StatusOr<ExitCode> result = context.action();
  if (result.ok()) {
    if (environment.out->flush()) return *result;
    // A full disk behind a redirection: a script must not take half a document for all of it.
    return Report(absl::DataLossError("standard output: cannot be written"), false, &console,
                  ExitCode::kRefused);
  }
  return Report(result.status(), context.json, &console, ExitCodeOf(result.status()));
}

}  // namespace millrace
