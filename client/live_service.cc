// SPDX-License-Identifier: Apache-2.0
#include "client/live_service.h"

#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "client/output/verdict_json.h"
#include "millrace/internal/live_state.pb.h"

namespace millrace {
namespace {

constexpr absl::Duration kLongestWait = absl::Milliseconds(100);  // for samples
constexpr int64_t kMaintainNs = kNsPerS;
constexpr int64_t kSaveNs = 600 * kNsPerS;
constexpr absl::Duration kLookForModels = absl::Seconds(2);
constexpr int64_t kMostThresholdBytes = int64_t{1} << 30;
// A model is ill if so many windows, and so great a share of them, gave no finite score.
constexpr int64_t kIllWindows = 3;
constexpr int64_t kIllShare = 100;  // one in

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
      predictors_(std::move(predictors)),
      files_(files),
      clock_(clock),
      channels_(ChannelNames(config.machines)),
      queue_(config.queue_samples),
      engine_(
          config.machines, clock, [this](const MachineVerdict& verdict) { Take(verdict); },
          [this](const ChannelDrift& drift) { Take(drift); }),
      sources_(RealSources({&channels_, &queue_, clock, files, state_folder_ + "/sources"})) {}

absl::StatusOr<std::unique_ptr<LiveService>> LiveService::Create(const LiveConfig& config,
                                                                 const std::string& state_folder,
                                                                 PredictorFactory predictors,
                                                                 FileSystem* files,
                                                                 LiveClock* clock) {
  auto service = std::unique_ptr<LiveService>(
      new LiveService(config, state_folder, std::move(predictors), files, clock));
  if (!config.http.empty()) {
    absl::StatusOr<std::unique_ptr<HttpServer>> http =
        HttpServer::Start(config.http, service->Pages());
    if (!http.ok()) return Annotate(http.status(), "[live] http");
    service->http_ = *std::move(http);
    LogInfo("verdicts are served", {{"address", config.http}, {"port", service->http_->port()}});
  }
  return service;
}

LiveService::~LiveService() { Stop(); }

void LiveService::Start() {
  for (const std::string& name : ModelNames(config_.machines)) {
    ModelFolder folder(files_, state_folder_, name);
    if (!files_->Exists(folder.CurrentPath())) continue;
    absl::Status served = Serve(folder.CurrentPath(), name, nullptr);
    if (served.ok()) continue;
    LogError("model does not serve", {{"model", name}, {"reason", served.message()}});
    if (!folder.RollBack().ok()) continue;
    served = Serve(folder.CurrentPath(), name, nullptr);
    LogWarning("model rolled back", {{"model", name}, {"result", served.ToString()}});
  }
  RestoreThresholds();
  scoring_ = std::thread([this] { Score(); });
  installing_ = std::thread([this] { InstallModels(); });
  sources_.Reconfigure(config_.sources);
}

void LiveService::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  sources_.Reconfigure({});
  queue_.Close();
  if (scoring_.joinable()) scoring_.join();
  if (installing_.joinable()) installing_.join();
  http_ = nullptr;
}

void LiveService::Score() {
  int64_t maintained_ns = 0;
  int64_t saved_ns = clock_->MonotonicNs();
  while (true) {
    const std::deque<SampleBatch> batches = queue_.TakeAll(kLongestWait);
    life_.Beat();
    for (const SampleBatch& batch : batches) engine_.Process(batch);
    engine_.ScoreDue();
    const int64_t now_ns = clock_->MonotonicNs();
    if (now_ns - maintained_ns >= kMaintainNs) {
      maintained_ns = now_ns;
      engine_.Maintain();
    }
    if (now_ns - saved_ns >= kSaveNs) {
      saved_ns = now_ns;
      SaveThresholds();
    }
    if (!batches.empty()) continue;
    const absl::MutexLock lock(&mutex_);
    if (stopping_) break;
  }
  SaveThresholds();
}

void LiveService::Take(const MachineVerdict& verdict) {
  metrics_.Count(verdict);
  board_.Post(verdict);
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
  LogInfo("drift changed", {{"drift", DriftJson(drift)}});
  const absl::MutexLock lock(&mutex_);
  drift_[{drift.machine, drift.channel}] = drift;
}

absl::Status LiveService::Serve(const std::string& path, const std::string& name,
                                const Serving* serving) {
  MR_ASSIGN_OR_RETURN(ModelPackage package, ReadPackage(files_, path));
  if (package.manifest.name() != name) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": it is of model '", package.manifest.name(), "'"));
  }
  const int64_t version = package.manifest.version();
  MR_ASSIGN_OR_RETURN(Installation installation,
                      Install(std::move(package), predictors_, serving, InstallLimits{}, clock_));
  MR_RETURN_IF_ERROR(engine_.Use(installation.model));
  LogInfo("model serves",
          {{"model", name},
           {"version", version},
           {"parameters_sha256",
            absl::BytesToHexString(installation.model->package.manifest.parameters_sha256())},
           {"window_us", installation.window_ns / 1000}});
  served_[name] = {{version, installation.window_ns}, installation.model, false};
  return absl::OkStatus();
}

void LiveService::InstallModels() {
  const auto stopping = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_; };
  while (true) {
    for (const std::string& name : ModelNames(config_.machines)) {
      ModelFolder folder(files_, state_folder_, name);
      if (folder.HasNext()) InstallNext(name, folder);
      RollBackIfIll(name, folder);
    }
    const absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping), kLookForModels)) return;
  }
}

void LiveService::InstallNext(const std::string& name, ModelFolder& folder) {
  const auto served = served_.find(name);
  const bool first = served == served_.end();
  const absl::Status installed =
      Serve(folder.NextPath(), name, first ? nullptr : &served->second.serving);
  const absl::Status kept = installed.ok() ? folder.Promote() : folder.RefuseNext();
  if (installed.ok()) served_[name].can_roll_back = !first;
  if (!installed.ok()) {
    LogError("model refused", {{"model", name}, {"reason", installed.message()}});
  }
  if (!kept.ok()) LogError("models' folder", {{"model", name}, {"error", kept.message()}});
}

void LiveService::RollBackIfIll(const std::string& name, ModelFolder& folder) {
  const auto served = served_.find(name);
  if (served == served_.end() || !served->second.can_roll_back) return;
  const int64_t faults = served->second.model->faults;
  if (faults < kIllWindows || faults * kIllShare < served->second.model->windows) return;
  LogError("model is given up",
           {{"model", name}, {"version", served->second.serving.version}, {"faults", faults}});
  absl::Status status = folder.RollBack();
  if (status.ok()) status = Serve(folder.CurrentPath(), name, nullptr);
  if (!status.ok()) {
    LogError("model not rolled back", {{"model", name}, {"error", status.message()}});
  }
}

void LiveService::SaveThresholds() {
  internal::LearntThresholds state;
  for (auto& [machine, learnt] : engine_.LearntThresholds()) {
    internal::LearntThresholds::Machine& saved = (*state.mutable_machines())[machine];
    saved.set_parameters_sha256(learnt.model_sha256);
    saved.set_threshold(learnt.bytes);
  }
  if (state.machines().empty()) return;
  const absl::Status status =
      WriteFileDurably(files_, state_folder_ + "/thresholds", state.SerializeAsString());
  if (!status.ok()) LogError("thresholds not saved", {{"error", status.message()}});
}

void LiveService::RestoreThresholds() {
  const std::string path = state_folder_ + "/thresholds";
  if (!files_->Exists(path)) return;
  const absl::StatusOr<std::string> bytes = ReadFile(files_, path, kMostThresholdBytes);
  internal::LearntThresholds state;
  if (!bytes.ok() || !state.ParseFromString(*bytes)) {
    LogError(
        "thresholds are learnt anew",
        {{"reason", bytes.ok() ? path + " is damaged" : std::string(bytes.status().message())}});
    return;
  }
  std::map<std::string, Engine::LearntThreshold> thresholds;
  for (const auto& [machine, saved] : state.machines()) {
    thresholds[machine] = {saved.parameters_sha256(), saved.threshold()};
  }
  engine_.RestoreThresholds(thresholds);
}

std::map<std::string, HttpServer::Page> LiveService::Pages() {
  return {
      {"/healthz", [](const std::string&) { return HealthAnswer(absl::OkStatus()); }},
      {"/metrics",
       [this](const std::string&) {
         return HttpAnswer{
             200, kMetricsText,
             metrics_.Text({sources_.Statuses(), queue_.waiting(), queue_.dropped()})};
       }},
      {"/verdicts",
       [this](const std::string&) {
         std::string lines;
         for (const MachineVerdict& verdict : board_.All()) {
           absl::StrAppend(&lines, lines.empty() ? "[\n" : ",\n", VerdictJson(verdict));
         }
         return HttpAnswer{200, kJsonText, lines.empty() ? "[]\n" : lines + "\n]\n"};
       }},
      {"/drift",
       [this](const std::string&) {
         std::string lines;
         const absl::MutexLock lock(&mutex_);
         for (const auto& [place, drift] : drift_) {
           absl::StrAppend(&lines, lines.empty() ? "[\n" : ",\n", DriftJson(drift));
         }
         return HttpAnswer{200, kJsonText, lines.empty() ? "[]\n" : lines + "\n]\n"};
       }},
      {"/verdicts/",
       [this](const std::string& machine) {
         const std::optional<MachineVerdict> verdict = board_.Of(machine);
         if (!verdict) return HttpAnswer{404, kPlainText, "no verdict on such a machine\n"};
         return HttpAnswer{200, kJsonText, VerdictJson(*verdict) + "\n"};
       }},
  };
}

}  // namespace millrace
