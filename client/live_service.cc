// SPDX-License-Identifier: Apache-2.0
#include "client/live_service.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "client/inference/learnt_as_now.h"
#include "client/operation/processors.h"
#include "client/output/source_json.h"
#include "client/output/verdict_json.h"

namespace millrace {
namespace {

constexpr size_t kMostModelsTold = 64;
constexpr absl::Duration kLookForModels = absl::Seconds(2);

std::set<std::string> ModelNames(const std::vector<MachineConfig>& machines) {
  std::set<std::string> names;
  for (const MachineConfig& machine : machines) {
    if (!machine.model.empty()) names.insert(machine.model);
  }
  return names;
}

std::map<std::string, Judgement> AllNormal(const std::vector<MachineConfig>& machines) {
  std::map<std::string, Judgement> judgements;
  for (const MachineConfig& kind : machines) {
    for (const std::string& name : kind.names) judgements[name] = Judgement::kNormal;
  }
  return judgements;
}

SourceSet::Factory RealSources(SourceContext context) {
  return [context = std::move(context)](const SourceConfig& config) {
    if (const std::string warning = PlaintextWarning(config); !warning.empty()) {
      LogWarning("source is not protected", {{"source", config.name}, {"reason", warning}});
    }
    return NewSource(config, context);
  };
}

}  // namespace

LiveService::LiveService(const LiveConfig& config, std::string state_folder,
                         PredictorFactory predictors, FileSystem* files, LiveClock* clock)
    : config_(config),
      state_folder_(std::move(state_folder)),
      clock_(clock),
      guard_(config.serving, &training_, clock),
      channels_(ChannelNames(config.machines)),
      recorder_(config.store ? std::make_unique<LiveRecorder>(config, files, clock) : nullptr),
      memory_(files, state_folder_),
      recent_(config.machines, config.store.has_value(), clock),
      last_(AllNormal(config.machines)),
      scoring_(config.machines,
               {config.serving.WorkersOn(UsableProcessors()), config.queue_samples}, Sinks(),
               clock),
      prepared_(config.machines,
                {config.store ? config.store->folder : "", config.trained_days, &recent_}, files,
                clock, &scoring_,
                [this](LearntOfMachines learnt) { memory_.Note(std::move(learnt)); }),
      releases_({state_folder_, ModelNames(config.machines), config.release, std::move(predictors),
                 files, clock, &prepared_, DemandsOf(config, UsableProcessors())}),
      relearning_(config.machines, files, state_folder_,
                  [this](RelearnOrder order) { return scoring_.Relearn(std::move(order)); }),
      sources_(RealSources({&channels_, scoring_.sink(), clock, files, state_folder_ + "/sources",
                            config.heartbeat.ignore_time})),
      drift_(config.machines, files, state_folder_),
      drift_tally_(config.machines) {
  if (config.capture && config.capture->button_http) {
    button_ = std::make_unique<CaptureButton>(
        [this](const std::string& machine, const std::string& note) {
          return recorder_->Press(machine, note);
        },
        clock);
  }
}

absl::StatusOr<std::unique_ptr<LiveService>> LiveService::Create(const LiveConfig& config,
                                                                 const std::string& state_folder,
                                                                 PredictorFactory predictors,
                                                                 FileSystem* files,
                                                                 LiveClock* clock) {
  auto service = std::unique_ptr<LiveService>(
      new LiveService(config, state_folder, std::move(predictors), files, clock));
  MR_ASSIGN_OR_RETURN(service->outlet_, Outlet::Create(config.machines, config.heartbeat,
                                                       config.outputs, service->heart(), clock));
  if (!config.http.empty()) {
    absl::StatusOr<std::unique_ptr<HttpServer>> http =
        HttpServer::Start(config.http, service->Pages(), service->Actions());
    if (!http.ok()) return Annotate(http.status(), "[live] http");
    service->http_ = *std::move(http);
    LogInfo("verdicts are served", {{"address", config.http}, {"port", service->http_->port()}});
  }
  return service;
}

LiveService::~LiveService() { Stop(); }

void LiveService::Start() {
  drift_.Load();
  const LearntOfMachines learnt = LearntAsNow(memory_.Load(), config_.machines);
  prepared_.Remember(learnt);
  releases_.Start();
  if (stopping_.HasBeenNotified()) return;  // before all models serve that did
  scoring_.Restore(learnt);
  drift_.Save();  // from now on somebody may ask
  prepared_.Begin();
  if (recorder_ != nullptr) recorder_->Start();
  scoring_.Start();
  LogInfo("machines are judged", {{"threads", scoring_.size()}});
  installing_ = std::thread([this] { InstallModels(); });
  outlet_->Start();
  sources_.Reconfigure(config_.sources);
}

void LiveService::Halt() {
  stopping_.Notify();
  prepared_.Halt();
  releases_.Halt();
}

void LiveService::Stop() {
  Halt();
  sources_.Halt();
  scoring_.Stop();
  if (recorder_ != nullptr) recorder_->Stop();  // first: an installation may take a while to end
  if (installing_.joinable()) {
    installing_.join();
    Save();  // where it has started: what is not restored is not to be written over
  }
  // A source or an output may still wait for the name of its peer; nothing is lost by then.
  sources_.Reconfigure({});
  http_ = nullptr;
  outlet_ = nullptr;
}

ScoringSinks LiveService::Sinks() {
  ScoringSinks sinks;
  sinks.verdict = [this](const MachineVerdict& verdict) { Take(verdict); };
  sinks.drift = [this](const ChannelDrift& drift) { Take(drift); };
  sinks.learnt = [this](LearntOfMachines learnt) { memory_.Note(std::move(learnt)); };
  sinks.relearnt = [this](const RelearnOrder& order) {
    if (order.threshold) prepared_.NormalFromNow(order.machine);
    relearning_.Followed(order);
  };
  if (recorder_ != nullptr || recent_.keeps()) {
    sinks.row = [this](const MachineRow& row) {
      if (recorder_ != nullptr) recorder_->Take(row);
      recent_.Take(row);
    };
  }
  if (recorder_ == nullptr) return sinks;
  sinks.pause = [this](std::span<const size_t> machines) { recorder_->HandOver(machines); };
  return sinks;
}

void LiveService::Take(const MachineVerdict& verdict) {
  if (recorder_ != nullptr) recorder_->Take(verdict);
  recent_.Take(verdict);
  metrics_.Count(verdict);
  if (!verdict.silence) guard_.Took(verdict.latency_ns);
  outlet_->Take(verdict);
  Judgement& last = last_.at(verdict.machine);
  if (verdict.judgement == last) return;
  last = verdict.judgement;
  if (verdict.judgement == Judgement::kAlarm) {
    LogWarning("alarm", {{"verdict", VerdictJson(verdict)}});
  } else {
    LogInfo("verdict changed", {{"verdict", VerdictJson(verdict)}});
  }
}

void LiveService::Take(const ChannelDrift& drift) {
  if (recorder_ != nullptr) recorder_->Take(drift);
  // Who has prepared it has said so once, for all machines; this is the thread that scores.
  if (!drift.prepared) LogInfo("drift changed", {{"drift", DriftJson(drift)}});
  drift_tally_.Take(drift, clock_->MonotonicNs());
  drift_.Take(drift);
}

std::vector<v1::ModelDrift> LiveService::DriftOfModels() const {
  std::vector<v1::ModelDrift> drift;
  for (const ServedModel& model : ServedModels()) {
    std::optional<v1::ModelDrift> told = drift_tally_.Of(model.name, clock_->MonotonicNs());
    if (!told) continue;
    told->set_parameters_sha256(model.parameters.ToBytes());
    drift.push_back(*std::move(told));
  }
  // Of more than a coordinator takes, those first that drift.
  std::stable_partition(drift.begin(), drift.end(), [](const v1::ModelDrift& one) {
    return one.score_in_drift() || one.channels_in_drift() > 0;
  });
  if (drift.size() > kMostModelsTold) drift.resize(kMostModelsTold);
  return drift;
}

void LiveService::InstallModels() {
  do {
    relearning_.Look();
    Save();
    releases_.Look();  // which may take a while
  } while (!stopping_.WaitForNotificationWithTimeout(kLookForModels));
}

void LiveService::Save() {
  drift_.Save();
  relearning_.Save([this] { return memory_.Save(); });
}

LiveReading LiveService::Reading() {
  const ServingGuard::Reading serving = guard_.Read();
  return {sources_.Statuses(), outlet_->Statuses(),   scoring_.waiting(), scoring_.dropped(),
          serving.p99_ns,      serving.training_held, scoring_.tally(),   recent_.bytes()};
}

HttpAnswer LiveService::Health() const {
  HttpAnswer answer = HealthAnswer(absl::OkStatus());
  const absl::Status recording = recorder_ == nullptr ? absl::OkStatus() : recorder_->Health();
  if (!recording.ok()) {
    absl::StrAppend(&answer.body, "recordings have gaps: ", recording.message(), "\n");
  }
  return answer;
}

std::map<std::string, HttpServer::Page> LiveService::Pages() {
  std::map<std::string, HttpServer::Page> pages = {
      {"/healthz", [this](const std::string&) { return Health(); }},
      {"/metrics",
       [this](const std::string&) {
         return HttpAnswer{200, kMetricsText,
                           metrics_.Text(Reading()) + ServedModelsMetrics(ServedModels()) +
                               (recorder_ == nullptr ? "" : recorder_->MetricsText())};
       }},
      {"/models",
       [this](const std::string&) {
         return HttpAnswer{200, kJsonText, ServedModelsJson(ServedModels())};
       }},
      {"/sources",
       [this](const std::string&) {
         return HttpAnswer{200, kJsonText, SourcesJson(sources_.Statuses())};
       }},
      {"/drift",
       [this](const std::string&) {
         std::string lines;
         for (const auto& [place, drift] : drift_.Latest()) {
           absl::StrAppend(&lines, lines.empty() ? "[\n" : ",\n", DriftJson(drift));
         }
         return HttpAnswer{200, kJsonText, lines.empty() ? "[]\n" : lines + "\n]\n"};
       }},
  };
  pages.merge(outlet_->Pages());
  return pages;
}

std::map<std::string, HttpServer::Action> LiveService::Actions() {
  if (button_ == nullptr) return {};
  return {{"/capture", [this](const HttpPost& post) { return button_->Press(post); }}};
}

}  // namespace millrace
