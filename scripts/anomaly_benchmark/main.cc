// SPDX-License-Identifier: Apache-2.0
// millrace-anomaly-benchmark: how well a plan's autoencoder finds the anomalies in recordings whose
// truth is known, trained on the first rows of each: one model a recording, or one model that all
// sites train together. docs/benchmarks.md has its figures for the Skoltech anomaly benchmark.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "client/config.h"
#include "models/torch/blas_speed.h"
#include "models/torch/torch_trainer.h"
#include "plan/toml_reader.h"
#include "scripts/anomaly_benchmark/protocol.h"
#include "scripts/simulate/federation.h"
#include "scripts/train/train_alone.h"

namespace millrace {
namespace {

struct Arguments {
  std::string plan;
  std::vector<std::string> sites;
  AnomalyProtocol protocol;
  double quantile = AlarmLimit().quantile;
  std::vector<double> factors = {AlarmLimit().factor};
  std::vector<AlarmRule> rules = {AlarmRule::kEvery};
  bool federated = false;
  std::string report;
  int threads = 1;
};

const std::map<std::string, AlarmRule> kRules = {
    {"every", AlarmRule::kEvery}, {"last", AlarmRule::kLast}, {"notebook", AlarmRule::kNotebook}};

absl::string_view RuleName(AlarmRule rule) {
  return std::ranges::find(kRules, rule, &std::pair<const std::string, AlarmRule>::second)->first;
}

class Benchmark {
 public:
  explicit Benchmark(const Arguments& arguments) : arguments_(arguments) {}
  absl::Status Run();

 private:
  absl::Status Load();
  /// One model of each recording's own.
  absl::Status TrainLocal();
  /// One model of all sites.
  absl::Status TrainFederated();
  absl::Status Apply(const ModelPackage& model, const Recording& recording);
  /// Prints what a limit makes of all recordings, and returns it for the report.
  nlohmann::ordered_json Judge(const AlarmLimit& limit) const;

  const Arguments& arguments_;
  const TrainerFactory new_trainer_ = [this](const Plan& plan, const Architecture& architecture) {
    return NewTorchTrainer(plan, architecture, {.threads = arguments_.threads});
  };
  std::string plan_text_;
  Plan plan_;
  std::vector<Recording> recordings_;
  std::vector<std::vector<double>> window_errors_;  // of each recording
};

nlohmann::ordered_json ToJson(const RowCounts& rows) {
  return {{"f1", rows.F1()},
          {"false_alarm_rate", rows.FalseAlarmRate()},
          {"missed_alarm_rate", rows.MissedAlarmRate()},
          {"rows", rows.found + rows.missed + rows.false_alarms + rows.quiet}};
}

void Print(const std::string& name, const RowCounts& rows) {
  std::printf("  %-8s F1 %.3f  false alarms %5.2f %%  missed %5.2f %%\n", name.c_str(), rows.F1(),
              100 * rows.FalseAlarmRate(), 100 * rows.MissedAlarmRate());
}

absl::Status Benchmark::Load() {
  MR_ASSIGN_OR_RETURN(plan_text_,
                      ReadFile(PosixFileSystem(), arguments_.plan, int64_t{kMaxTomlBytes}));
  absl::StatusOr<Plan> plan = ParsePlan(plan_text_);
  if (!plan.ok()) return Annotate(plan.status(), arguments_.plan);
  plan_ = *std::move(plan);
  if (plan_.task() != Task::kReconstruction) {
    return absl::InvalidArgumentError(arguments_.plan +
                                      ": anomalies are found by an autoencoder; give [model] "
                                      "kind = \"autoencoder\" and no [label]");
  }
  for (const std::string& path : arguments_.sites) {
    MR_ASSIGN_OR_RETURN(const SiteConfig site, ReadSiteConfig(path, SiteConfigUse::kScript));
    if (!site.test) {
      return absl::InvalidArgumentError(path + ": has no [test] table with recordings; add one");
    }
    absl::StatusOr<std::vector<Recording>> recordings =
        LoadRecordingsToJudge(site.name, *site.test, plan_, arguments_.protocol);
    if (!recordings.ok()) return Annotate(recordings.status(), path);
    recordings_.insert(recordings_.end(), recordings->begin(), recordings->end());
  }
  return absl::OkStatus();
}

absl::Status Benchmark::Apply(const ModelPackage& model, const Recording& recording) {
  MR_ASSIGN_OR_RETURN(std::vector<double> errors, WindowErrors(model, new_trainer_, recording));
  window_errors_.push_back(std::move(errors));
  return absl::OkStatus();
}

absl::Status Benchmark::TrainLocal() {
  for (const Recording& recording : recordings_) {
    const Site alone{
        recording.site, {TrainingRows(arguments_.protocol, recording)}, std::nullopt, 1};
    MR_ASSIGN_OR_RETURN(const ModelPackage model,
                        TrainAlone(plan_text_, alone, new_trainer_, nullptr));
    MR_RETURN_IF_ERROR(Apply(model, recording));
    std::fprintf(stderr, "%s %s: trained\n", recording.site.c_str(), recording.rows.unit.c_str());
  }
  return absl::OkStatus();
}

absl::Status Benchmark::TrainFederated() {
  std::map<std::string, std::vector<Series>> data;
  for (const Recording& recording : recordings_) {
    data[recording.site].push_back(TrainingRows(arguments_.protocol, recording));
  }
  std::vector<Participant> participants;
  for (const auto& [site, series] : data) participants.push_back({site, &series});
  MR_ASSIGN_OR_RETURN(const FederatedRun run,
                      RunFederation(plan_text_, participants, new_trainer_, PrintRounds(plan_)));
  for (const Recording& recording : recordings_) {
    MR_RETURN_IF_ERROR(Apply(run.model, recording));
  }
  return absl::OkStatus();
}

nlohmann::ordered_json Benchmark::Judge(const AlarmLimit& limit) const {
  const std::string rule(RuleName(limit.rule));
  RowCounts all;
  std::map<std::string, RowCounts> by_site;
  nlohmann::ordered_json recordings = nlohmann::ordered_json::array();
  for (size_t i = 0; i < recordings_.size(); ++i) {
    const Recording& recording = recordings_[i];
    const RowCounts rows = JudgeRows(arguments_.protocol, limit, recording, window_errors_[i]);
    all += rows;
    by_site[recording.site] += rows;
    recordings.push_back(ToJson(rows));
    recordings.back()["site"] = recording.site;
    recordings.back()["recording"] = recording.rows.unit;
  }
  std::printf("rule %s, factor %.3g\n", rule.c_str(), limit.factor);
  nlohmann::ordered_json sites = nlohmann::ordered_json::object();
  for (const auto& [site, rows] : by_site) {
    Print(site, rows);
    sites[site] = ToJson(rows);
  }
  Print("all", all);
  return {{"rule", rule},
          {"factor", limit.factor},
          {"all", ToJson(all)},
          {"sites", sites},
          {"recordings", recordings}};
}

absl::Status Benchmark::Run() {
  MR_RETURN_IF_ERROR(Load());
  MR_RETURN_IF_ERROR(arguments_.federated ? TrainFederated() : TrainLocal());
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const AlarmRule rule : arguments_.rules) {
    for (const double factor : arguments_.factors) {
      results.push_back(Judge({.quantile = arguments_.quantile, .factor = factor, .rule = rule}));
    }
  }
  if (arguments_.report.empty()) return absl::OkStatus();
  const nlohmann::ordered_json report{
      {"model", arguments_.federated ? "federated" : "of each recording"},
      {"seed", plan_.run.seed},
      {"results", results}};
  return WriteFileDurably(PosixFileSystem(), arguments_.report, report.dump(2) + "\n");
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  CLI::App app(
      "Judges a plan's autoencoder on recordings with known anomalies: the first rows of each "
      "train, the rest is judged row by row.");
  millrace::Arguments arguments;
  millrace::AnomalyProtocol& protocol = arguments.protocol;
  app.add_option("--plan", arguments.plan, "the plan, a TOML file")->required();
  app.add_option("--site", arguments.sites,
                 "a site's TOML file, whose [test] has the recordings; once per site")
      ->required();
  app.add_flag("--federated", arguments.federated,
               "one model that the sites train together, instead of one a recording");
  app.add_option("--truth", protocol.truth, "column, above 0 where a row is anomalous")
      ->capture_default_str();
  app.add_option("--training-rows", protocol.training_rows, "of each recording")
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  app.add_flag("--scale-each", protocol.scale_each,
               "scales each recording by its own training rows first");
  app.add_option("--quantile", arguments.quantile, "of the training windows' errors")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--factor", arguments.factors,
                 "times that quantile is the alarm's limit; several are judged one by one")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option(
         "--rule", arguments.rules,
         "a row is alarmed if every window is that contains it, or the last one, which ends "
         "there, as live; notebook: as the published convolutional autoencoder was counted")
      ->transform(CLI::CheckedTransformer(millrace::kRules));
  app.add_option("--json", arguments.report, "a report to write, as JSON");
  app.add_option("--threads", arguments.threads, "of LibTorch")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  millrace::InitLog("millrace-anomaly-benchmark", millrace::LogFormat::kText, "warn");
  millrace::WarnIfBlasIsSlow();
  const absl::Status status = millrace::Benchmark(arguments).Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "millrace-anomaly-benchmark: %s\n", std::string(status.message()).c_str());
  return 1;
}
