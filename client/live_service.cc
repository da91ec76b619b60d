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

/// Another file would do, another try would not.
bool IsPackagesFault(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsInvalidArgument(status) ||
         absl::IsFailedPrecondition(status);
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
  for (const std::string& name : ModelNames(config_.machines)) StartModel(name);
  RestoreThresholds();
  scoring_ = std::thread([this] { Score(); });
  installing_ = std::thread([this] { InstallModels(); });
  sources_.Reconfigure(config_.sources);
}

void LiveService::StartModel(const std::string& name) {
  ModelFolder folder(files_, state_folder_, name);
  const bool cut_off = !files_->Exists(folder.CurrentPath()) && !folder.HasNext();
  if (cut_off && !folder.RollBack().ok()) return;  // nothing was installed so far
  if (!files_->Exists(folder.CurrentPath())) return;
  absl::StatusOr<Installation> prepared = Prepare(folder.CurrentPath(), name, nullptr);
  if (!prepared.ok() && IsPackagesFault(prepared.status())) {
    LogError("model cannot serve", {{"model", name}, {"reason", prepared.status().message()}});
    const absl::Status back = folder.RollBack();
    if (back.ok()) prepared = Prepare(folder.CurrentPath(), name, nullptr);
    LogWarning("model rolled back", {{"model", name}, {"result", back.ToString()}});
  }
  const absl::Status served = prepared.ok() ? Serve(*std::move(prepared), name) : prepared.status();
  if (!served.ok()) {
    LogError("model does not serve", {{"model", name}, {"reason", served.message()}});
  }
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
  SaveThresholds();
  http_ = nullptr;
}

bool LiveService::Stopping() {
  const absl::MutexLock lock(&mutex_);
  return stopping_;
}

void LiveService::Score() {
  int64_t maintained_ns = 0;
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
    if (now_ns - maintained_ns >= kMaintainNs) {
      maintained_ns = now_ns;
      engine_.Maintain();
    }
    if (now_ns - saved_ns >= kSaveNs) {
      saved_ns = now_ns;
      NoteThresholds();
    }
    if (Stopping()) break;
  }
  NoteThresholds();
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

LiveService::DriftMap LiveService::Drift() {
  const absl::MutexLock lock(&mutex_);
  return drift_;
}

absl::StatusOr<Installation> LiveService::Prepare(const std::string& path, const std::string& name,
                                                  const Serving* serving) {
  MR_ASSIGN_OR_RETURN(ModelPackage package, ReadPackage(files_, path));
  if (package.manifest.name() != name) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": it is of model '", package.manifest.name(), "'"));
  }
  return Install(std::move(package), predictors_, serving, InstallLimits{}, clock_);
}

absl::Status LiveService::Serve(Installation installation, const std::string& name) {
  MR_RETURN_IF_ERROR(engine_.Use(installation.model));
  const v1::PackageManifest& manifest = installation.model->package.manifest;
  LogInfo("model serves",
          {{"model", name},
           {"version", manifest.version()},
           {"parameters_sha256", absl::BytesToHexString(manifest.parameters_sha256())},
           {"window_us", installation.window_ns / 1000}});
  const Serving serving{manifest.version(), installation.window_ns};
  served_[name] = {serving, std::move(installation.model), false};
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
    SaveThresholds();
    const absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping), kLookForModels)) return;
  }
}

void LiveService::InstallNext(const std::string& name, ModelFolder& folder) {
  if (const absl::Status taken = folder.TakeNext(); !taken.ok()) {
    LogError("models' folder", {{"model", name}, {"error", taken.message()}});
    return;
  }
  const auto served = served_.find(name);
  const bool first = served == served_.end();
  absl::StatusOr<Installation> prepared =
      Prepare(folder.InstallingPath(), name, first ? nullptr : &served->second.serving);
  if (!prepared.ok() && !IsPackagesFault(prepared.status())) {
    LogError("model not installed yet", {{"model", name}, {"reason", prepared.status().message()}});
    return;
  }
  // On disk before it serves: what serves is what a restart finds.
  absl::Status installed =
      prepared.ok() ? engine_.Check(prepared->model->package) : prepared.status();
  if (installed.ok()) {
    if (const absl::Status kept = folder.Promote(); !kept.ok()) {
      LogError("model not installed yet", {{"model", name}, {"reason", kept.message()}});
      return;
    }
    installed = Serve(*std::move(prepared), name);
    if (installed.ok()) served_[name].can_roll_back = !first;
    return;
  }
  LogError("model refused", {{"model", name}, {"reason", installed.message()}});
  const absl::Status refused = folder.Refuse();
  if (!refused.ok()) LogError("models' folder", {{"model", name}, {"error", refused.message()}});
}

void LiveService::RollBackIfIll(const std::string& name, ModelFolder& folder) {
  const auto served = served_.find(name);
  if (served == served_.end() || !served->second.can_roll_back) return;
  const int64_t faults = served->second.model->faults;
  if (faults < kIllWindows || faults * kIllShare < served->second.model->windows) return;
  served->second.can_roll_back = false;  // tried once
  LogError("model is given up",
           {{"model", name}, {"version", served->second.serving.version}, {"faults", faults}});
  absl::StatusOr<Installation> before = Prepare(folder.PreviousPath(), name, nullptr);
  absl::Status status = before.ok() ? folder.RollBack() : before.status();
  if (status.ok()) status = Serve(*std::move(before), name);
  if (!status.ok()) {
    LogError("model not rolled back", {{"model", name}, {"error", status.message()}});
  }
}

void LiveService::NoteThresholds() {
  internal::LearntThresholds state;
  std::map<std::string, Engine::LearntThreshold> learnt_now = engine_.LearntThresholds();
  learnt_now.merge(std::map(restored_));  // of machines that have no model at the moment
  for (auto& [machine, learnt] : learnt_now) {
    internal::LearntThresholds::Machine& saved = (*state.mutable_machines())[machine];
    saved.set_parameters_sha256(learnt.model_sha256);
    saved.set_threshold(std::move(learnt.bytes));
  }
  if (state.machines().empty()) return;
  const absl::MutexLock lock(&mutex_);
  thresholds_ = state.SerializeAsString();
}

void LiveService::SaveThresholds() {
  std::string bytes;
  {
    const absl::MutexLock lock(&mutex_);
    bytes.swap(thresholds_);
  }
  if (bytes.empty()) return;
  const absl::Status status = WriteFileDurably(files_, state_folder_ + "/thresholds", bytes);
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
  for (const auto& [machine, saved] : state.machines()) {
    restored_[machine] = {saved.parameters_sha256(), saved.threshold()};
  }
  engine_.RestoreThresholds(restored_);
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
         for (const auto& [place, drift] : Drift()) {
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
