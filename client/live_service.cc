// SPDX-License-Identifier: Apache-2.0
#include "client/live_service.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "client/output/verdict_json.h"

namespace millrace {
namespace {

constexpr absl::Duration kLongestWait = absl::Milliseconds(100);  // for samples
constexpr int64_t kMaintainNs = kNsPerS;
constexpr int64_t kHandOverNs = 400 * kNsPerS / 1000;
constexpr int64_t kSaveNs = 600 * kNsPerS;
constexpr absl::Duration kLookForModels = absl::Seconds(2);

std::set<std::string> ModelNames(const std::vector<MachineConfig>& machines) {
  std::set<std::string> names;
  for (const MachineConfig& machine : machines) {
    if (!machine.model.empty()) names.insert(machine.model);
  }
  return names;
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
      queue_(config.queue_samples),
      recorder_(config.store ? std::make_unique<LiveRecorder>(config, files, clock) : nullptr),
      memory_(files, state_folder_),
      engine_(
          config.machines, clock, [this](const MachineVerdict& verdict) { Take(verdict); },
          [this](const ChannelDrift& drift) { Take(drift); },
          config.store ? RowSink([this](const MachineRow& row) { recorder_->Take(row); })
                       : nullptr),
      releases_({state_folder_, ModelNames(config.machines), config.release, std::move(predictors),
                 files, clock, &engine_}),
      sources_(RealSources({&channels_, &queue_, clock, files, state_folder_ + "/sources"})) {
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
                                                       config.outputs, &service->life_, clock));
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
  releases_.Start();
  memory_.Restore(engine_);
  if (recorder_ != nullptr) recorder_->Start();
  scoring_ = std::thread([this] { Score(); });
  installing_ = std::thread([this] { InstallModels(); });
  outlet_->Start();
  sources_.Reconfigure(config_.sources);
}

void LiveService::Stop() {
  stopping_.Notify();
  sources_.Halt();
  queue_.Close();
  if (scoring_.joinable()) scoring_.join();
  if (installing_.joinable()) installing_.join();
  if (recorder_ != nullptr) recorder_->Stop();
  memory_.Save();
  // A source or an output may still wait for the name of its peer; nothing is lost by then.
  sources_.Reconfigure({});
  http_ = nullptr;
  outlet_ = nullptr;
}

bool LiveService::Stopping() { return stopping_.HasBeenNotified(); }

void LiveService::Score() {
  int64_t maintained_ns = 0;
  int64_t handed_over_ns = 0;
  int64_t saved_ns = clock_->MonotonicNs();
  while (true) {
    const std::deque<SampleBatch> batches = queue_.TakeAll(kLongestWait);
    life_.Beat();
    for (const SampleBatch& batch : batches) {
      if (Stopping()) break;
      engine_.Process(batch);
      life_.Beat();
    }
    engine_.ScoreDue();
    const int64_t now_ns = clock_->MonotonicNs();
    if (recorder_ != nullptr && now_ns - handed_over_ns >= kHandOverNs) {
      handed_over_ns = now_ns;
      recorder_->HandOver();
    }
    if (now_ns - maintained_ns >= kMaintainNs) {
      maintained_ns = now_ns;
      engine_.Maintain();
    }
    if (now_ns - saved_ns >= kSaveNs) {
      saved_ns = now_ns;
      memory_.Note(engine_);
    }
    if (Stopping()) break;
  }
  memory_.Note(engine_);
}

void LiveService::Take(const MachineVerdict& verdict) {
  if (recorder_ != nullptr) recorder_->Take(verdict);
  metrics_.Count(verdict);
  if (!verdict.silence) guard_.Took(verdict.latency_ns);
  outlet_->Take(verdict);
  Judgement& last = last_.try_emplace(verdict.machine, Judgement::kNormal).first->second;
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
  LogInfo("drift changed", {{"drift", DriftJson(drift)}});
  const absl::MutexLock lock(&mutex_);
  drift_[{drift.machine, drift.channel}] = drift;
}

LiveService::DriftMap LiveService::Drift() {
  const absl::MutexLock lock(&mutex_);
  return drift_;
}

void LiveService::InstallModels() {
  do {
    releases_.Look();
    memory_.Save();
  } while (!stopping_.WaitForNotificationWithTimeout(kLookForModels));
}

LiveReading LiveService::Reading() {
  const ServingGuard::Reading serving = guard_.Read();
  return {sources_.Statuses(), outlet_->Statuses(), queue_.waiting(),
          queue_.dropped(),    serving.p99_ns,      serving.training_held};
}

std::map<std::string, HttpServer::Page> LiveService::Pages() {
  std::map<std::string, HttpServer::Page> pages = {
      {"/healthz", [](const std::string&) { return HealthAnswer(absl::OkStatus()); }},
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
      {"/drift",
       [this](const std::string&) {
         std::string lines;
         for (const auto& [place, drift] : Drift()) {
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
