// SPDX-License-Identifier: Apache-2.0
// millrace-simulate: runs a plan as a whole federation in this process, and compares the model with
// what the sites would reach alone and with their data in one place.

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
#include "models/package.h"
#include "models/torch/blas_speed.h"
#include "models/torch/torch_predictor.h"
#include "models/torch/torch_trainer.h"
#include "plan/toml_reader.h"
#include "scripts/simulate/comparison.h"
#include "scripts/simulate/deal.h"
#include "scripts/simulate/federation.h"
#include "scripts/train/describe.h"
#include "scripts/train/evaluate.h"
#include "scripts/train/site.h"
#include "scripts/train/train_alone.h"

namespace millrace {
namespace {

struct Arguments {
  std::string plan;
  std::vector<std::string> sites;
  int64_t copies = 1;
  int64_t dealt = 0;  // 0: sites as they are
  bool compare = false;
  std::string out;
  std::string report;
  int threads = 1;
};

class Simulation {
 public:
  explicit Simulation(const Arguments& arguments) : arguments_(arguments) {}

  absl::Status Run();

 private:
  /// A column of the table: `model` on the test data of every site in `sites_` that has some.
  absl::Status Judge(const char* method, const ModelPackage& model);
  absl::Status Judge(const char* method, const ModelPackage& model, size_t site);
  absl::Status Compare();
  absl::Status Write(const FederatedRun& federated, double seconds) const;

  const Arguments& arguments_;
  const TrainerFactory new_trainer_ = [this](const Plan& plan, const Architecture& architecture) {
    return NewTorchTrainer(plan, architecture, {.threads = arguments_.threads});
  };
  std::string plan_text_;
  Plan plan_;
  std::vector<Site> sites_;
  Comparison comparison_;
};

absl::Status Simulation::Judge(const char* method, const ModelPackage& model, size_t site) {
  if (!sites_[site].test) return absl::OkStatus();
  absl::StatusOr<TestMetrics> metrics = Evaluate(model, *sites_[site].test, new_trainer_);
  if (!metrics.ok()) return Annotate(metrics.status(), sites_[site].name);
  comparison_.rows[site].methods[method] = *std::move(metrics);
  return absl::OkStatus();
}

absl::Status Simulation::Judge(const char* method, const ModelPackage& model) {
  for (size_t i = 0; i < sites_.size(); ++i) MR_RETURN_IF_ERROR(Judge(method, model, i));
  return absl::OkStatus();
}

std::vector<Participant> Participants(const std::vector<Site>& sites, int64_t copies) {
  std::vector<Participant> participants;
  for (const Site& site : sites) {
    for (int64_t copy = 1; copy <= copies; ++copy) {
      participants.push_back(
          {copies == 1 ? site.name : absl::StrCat(site.name, "-", copy), &site.series});
    }
  }
  return participants;
}

absl::Status Simulation::Compare() {
  for (size_t i = 0; i < sites_.size(); ++i) {
    std::fprintf(stderr, "%s alone\n", sites_[i].name.c_str());
    MR_ASSIGN_OR_RETURN(const ModelPackage local,
                        TrainAlone(plan_text_, sites_[i], new_trainer_, PrintRounds(plan_)));
    MR_RETURN_IF_ERROR(Judge("local", local, i));
  }
  std::fprintf(stderr, "all data in one place\n");
  MR_ASSIGN_OR_RETURN(const ModelPackage centralised,
                      TrainAlone(plan_text_, Pool(sites_), new_trainer_, PrintRounds(plan_)));
  return Judge("centralised", centralised);
}

absl::Status Simulation::Write(const FederatedRun& federated, double seconds) const {
  if (!arguments_.out.empty()) {
    MR_RETURN_IF_ERROR(WriteInstallable(PosixFileSystem(), arguments_.out, federated.model,
                                        "millrace-simulate " MILLRACE_VERSION, NewTorchPredictor));
  }
  if (arguments_.report.empty()) return absl::OkStatus();
  nlohmann::ordered_json report = comparison_.ToJson();
  report["rounds"] = plan_.run.rounds;
  report["seconds"] = seconds;
  report["bytes_up"] = federated.bytes_up;
  report["bytes_down"] = federated.bytes_down;
  report["seed"] = plan_.run.seed;
  return WriteFileDurably(PosixFileSystem(), arguments_.report, report.dump(2) + "\n");
}

absl::Status Simulation::Run() {
  MR_ASSIGN_OR_RETURN(plan_text_,
                      ReadFile(PosixFileSystem(), arguments_.plan, int64_t{kMaxTomlBytes}));
  absl::StatusOr<Plan> plan = ParsePlan(plan_text_);
  if (!plan.ok()) return Annotate(plan.status(), arguments_.plan);
  plan_ = *std::move(plan);
  MR_ASSIGN_OR_RETURN(sites_, LoadSites(arguments_.sites, plan_));
  for (const Site& site : sites_) comparison_.rows.push_back({site.name, {}});
  std::vector<Site> dealt;
  if (arguments_.dealt > 0) {
    MR_ASSIGN_OR_RETURN(dealt, DealByUnit(sites_, arguments_.dealt));
  }
  const std::vector<Participant> participants =
      Participants(dealt.empty() ? sites_ : dealt, arguments_.copies);

  const absl::Time start = SystemClock()->Now();
  std::fprintf(stderr, "%d sites together\n", static_cast<int>(participants.size()));
  MR_ASSIGN_OR_RETURN(const FederatedRun federated,
                      RunFederation(plan_text_, participants, new_trainer_, PrintRounds(plan_)));
  const double seconds = absl::ToDoubleSeconds(SystemClock()->Now() - start);
  MR_RETURN_IF_ERROR(Judge("federated", federated.model));
  if (arguments_.compare) MR_RETURN_IF_ERROR(Compare());
  std::erase_if(comparison_.rows, [](const auto& row) { return row.methods.empty(); });
  std::printf("%s", comparison_.Table().c_str());
  return Write(federated, seconds);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  CLI::App app("Runs a plan as a whole federation in one process.");
  millrace::Arguments arguments;
  app.add_option("--plan", arguments.plan, "the plan, a TOML file")->required();
  app.add_option("--site", arguments.sites, "a site's TOML file, once per site")->required();
  CLI::Option* const copies =
      app.add_option("--copies", arguments.copies, "takes each site so many times")
          ->check(CLI::Range(1, 100000));
  CLI::Option* const dealt =
      app.add_option("--sites", arguments.dealt, "deals all units out to so many sites instead")
          ->check(CLI::Range(1, 100000))
          ->excludes(copies);
  app.add_flag("--compare", arguments.compare,
               "also trains each site alone, and one model on all data, with the same budget")
      ->excludes(copies)
      ->excludes(dealt);
  app.add_option("--out", arguments.out, "the federated model's package to write");
  app.add_option("--json", arguments.report, "a report to write, as JSON");
  app.add_option("--threads", arguments.threads, "of LibTorch")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  millrace::InitLog("millrace-simulate", millrace::LogFormat::kText, "warn");
  millrace::WarnIfBlasIsSlow();
  const absl::Status status = millrace::Simulation(arguments).Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "millrace-simulate: %s\n", std::string(status.message()).c_str());
  return 1;
}
