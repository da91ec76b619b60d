// SPDX-License-Identifier: Apache-2.0
// millrace-train: trains a plan's model without a federation, on one site's data or on several
// sites' pooled, and judges model packages. The shortest way through the libraries: read a plan,
// load data, train, write a package. docs/writing_a_training_script.md walks through it.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "client/config.h"
#include "models/package.h"
#include "models/test_vectors.h"
#include "models/torch/blas_speed.h"
#include "models/torch/torch_predictor.h"
#include "models/torch/torch_trainer.h"
#include "plan/toml_reader.h"
#include "scripts/train/describe.h"
#include "scripts/train/evaluate.h"
#include "scripts/train/round_report.h"
#include "scripts/train/site.h"
#include "scripts/train/train_alone.h"

namespace millrace {
namespace {

constexpr int kExitUsage = 2;

struct Arguments {
  std::string plan;
  std::string model;  // package, written or read
  std::vector<std::string> sites;
  int threads = 1;
  bool json = false;
};

TrainerFactory TorchTrainers(int threads) {
  return [threads](const Plan& plan, const Architecture& architecture) {
    return NewTorchTrainer(plan, architecture, {.threads = threads});
  };
}

absl::Status Train(const Arguments& arguments) {
  const std::string folder = DirectoryOf(arguments.model);
  if (!PosixFileSystem()->Exists(folder)) {
    return absl::NotFoundError(absl::StrCat("--out ", arguments.model, ": there is no folder ",
                                            folder, "; make it first"));
  }
  MR_ASSIGN_OR_RETURN(const std::string text,
                      ReadFile(PosixFileSystem(), arguments.plan, int64_t{kMaxTomlBytes}));
  const absl::StatusOr<Plan> plan = ParsePlan(text);
  if (!plan.ok()) return Annotate(plan.status(), arguments.plan);
  MR_ASSIGN_OR_RETURN(const std::vector<Site> sites, LoadSites(arguments.sites, *plan));
  const Site site = sites.size() == 1 ? sites.front() : Pool(sites);

  MR_ASSIGN_OR_RETURN(ModelPackage model,
                      TrainAlone(text, site, TorchTrainers(arguments.threads), PrintRounds(*plan)));
  model.manifest.mutable_lineage()->set_created_ms(absl::ToUnixMillis(SystemClock()->Now()));
  return WriteInstallable(PosixFileSystem(), arguments.model, model,
                          "millrace-train " MILLRACE_VERSION, NewTorchPredictor);
}

/// The coordinator, which exports packages, has no LibTorch to compute them.
absl::Status AddVectors(const Arguments& arguments) {
  MR_ASSIGN_OR_RETURN(ModelPackage model, ReadPackage(PosixFileSystem(), arguments.model));
  if (!model.signatures.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(arguments.model,
                     ": is signed already, and test vectors would change what was signed; add them "
                     "before the first signature"));
  }
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<Predictor> predictor, NewTorchPredictor(model));
  v1::PackageManifest manifest = model.manifest;
  MR_RETURN_IF_ERROR(AddTestVectors(model.plan, *predictor, manifest));
  MR_ASSIGN_OR_RETURN(model, WithManifest(std::move(model), manifest));
  return WritePackage(PosixFileSystem(), arguments.model, model);
}

void Print(const std::string& site, const TestMetrics& metrics, bool json) {
  if (json) {
    nlohmann::ordered_json line{{"site", site}};
    for (const auto& [name, value] : metrics) line[name] = value;
    std::printf("%s\n", line.dump().c_str());
    return;
  }
  std::printf("%-16s", site.c_str());
  for (const auto& [name, value] : metrics) std::printf("  %s %.4f", name.c_str(), value);
  std::printf("\n");
}

absl::Status EvaluateModel(const Arguments& arguments) {
  MR_ASSIGN_OR_RETURN(const ModelPackage model, ReadPackage(PosixFileSystem(), arguments.model));
  for (const std::string& path : arguments.sites) {
    MR_ASSIGN_OR_RETURN(const SiteConfig site, ReadSiteConfig(path, SiteConfigUse::kScript));
    if (!site.test) {
      return absl::InvalidArgumentError(path + ": has no [test] table to evaluate on; add one");
    }
    const absl::StatusOr<TestMetrics> metrics =
        Evaluate(model, *site.test, TorchTrainers(arguments.threads));
    if (!metrics.ok()) return Annotate(metrics.status(), path);
    Print(site.name, *metrics, arguments.json);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  CLI::App app(
      "Trains a plan's model on one site's data, or on several sites' pooled, and writes it as a "
      "model package.");
  app.require_subcommand(0, 1);
  millrace::Arguments arguments;
  CLI::Option* const plan = app.add_option("--plan", arguments.plan, "the plan, a TOML file");
  CLI::Option* const sites = app.add_option(
      "--site", arguments.sites, "a site's TOML file; give it again to pool several sites' data");
  CLI::Option* const out = app.add_option("--out", arguments.model, "the package to write");
  app.add_option("--threads", arguments.threads, "of LibTorch")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();

  CLI::App* const evaluate =
      app.add_subcommand("evaluate", "judges a package on the [test] data of sites");
  evaluate->add_option("--model", arguments.model, "the package to read")->required();
  evaluate->add_option("--site", arguments.sites, "a site's TOML file, once or several times")
      ->required();
  evaluate->add_flag("--json", arguments.json, "one JSON object per site and line");
  CLI::App* const vectors = app.add_subcommand(
      "vectors",
      "adds test vectors to a package that nobody has signed yet: windows of random numbers and "
      "what the model gives for them, which a site computes again before the model serves");
  vectors->add_option("--model", arguments.model, "the package to complete")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : millrace::kExitUsage;  // 0: --help
  }
  if (app.get_subcommands().empty()) {
    for (const CLI::Option* const option : {plan, sites, out}) {
      if (!option->empty()) continue;
      app.exit(CLI::RequiredError(option->get_name()));
      return millrace::kExitUsage;
    }
  }

  millrace::InitLog("millrace-train", millrace::LogFormat::kText, "warn");
  millrace::WarnIfBlasIsSlow();
  const absl::Status status = evaluate->parsed()  ? millrace::EvaluateModel(arguments)
                              : vectors->parsed() ? millrace::AddVectors(arguments)
                                                  : millrace::Train(arguments);
  if (status.ok()) return 0;
  std::fprintf(stderr, "millrace-train: %s\n", std::string(status.message()).c_str());
  return 1;
}
