// SPDX-License-Identifier: Apache-2.0
#include "client/release/releases.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log.h"
#include "base/status.h"
#include "client/inference/input_check.h"
#include "client/release/package_check.h"
#include "client/release/release_steps.h"

namespace millrace {
namespace {

constexpr int64_t kTryAgainNs = 30 * kNsPerS;
constexpr int64_t kTrialNs = 60 * kNsPerS;
// What has served before is held to no bound, and machines wait for it.
constexpr int64_t kMeasureForServiceNs = kNsPerS / 4;

/// What its machines' file does not say of the units that the model was trained on.
void TellOfUnsaidUnits(const ModelPackage& package, const std::vector<MachineConfig>& machines) {
  for (const MachineConfig& machine : machines) {
    if (machine.model != package.manifest.name()) continue;
    const std::vector<std::string> columns = ColumnsOfUnsaidUnit(package.plan.input, machine);
    if (columns.empty()) continue;
    LogInfo("units are taken on trust",
            {{"model", machine.model},
             {"version", package.manifest.version()},
             {"machine", machine.names.front()},
             {"channels", absl::StrJoin(columns, ", ")},
             {"reason",
              "the package says in what units they are, and [[machine.channel]] unit does not"}});
  }
}

}  // namespace

Releases::Releases(ReleaseParts parts) : parts_(std::move(parts)) {
  if (parts_.names.empty() || parts_.policy.SignaturesAsked() > 0) return;
  LogWarning("models need no signature here",
             {{"reason",
               "[release] signatures is 0: whoever may write to the state folder decides "
               "what serves"}});
}

void Releases::Start() {
  for (const std::string& name : parts_.names) {
    if (halted_) return;
    started_ns_[name] = parts_.clock->MonotonicNs();
    StartModel(name);
  }
}

void Releases::Look() {
  Watch();
  for (const std::string& name : parts_.names) {
    if (halted_) return;
    if (BringNews(name)) Watch();  // it may have taken a while
  }
}

void Releases::Watch() {
  for (const std::string& name : parts_.names) {
    if (halted_) return;
    ModelFolder folder(parts_.files, parts_.state_folder, name);
    CheckAgain(name, folder);
    RollBackIfIll(name, folder);
    EndTrial(name, folder);
    NoticeExpiry(name);
  }
}

bool Releases::BringNews(const std::string& name) {
  ModelFolder folder(parts_.files, parts_.state_folder, name);
  const bool starts = !served_.contains(name) && IsDue(started_ns_, name);
  if (starts) StartModel(name);
  const bool comes = folder.HasStaged() || (folder.HasNext() && IsDue(installed_ns_, name));
  if (comes && waiting_.contains(name) && !folder.HasStaged()) {
    GoOnWaiting(name, folder);
  } else if (comes) {
    InstallNext(name, folder);
  }
  return starts || comes;
}

bool Releases::IsDue(std::map<std::string, int64_t>& tried_ns, const std::string& name) const {
  const int64_t now_ns = parts_.clock->MonotonicNs();
  const auto [last, first] = tried_ns.try_emplace(name, now_ns);
  if (!first && now_ns - last->second < kTryAgainNs) return false;
  last->second = now_ns;
  return true;
}

std::vector<ServedModel> Releases::ServedModels() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<ServedModel> models;
  for (const auto& [name, model] : serving_) models.push_back(model);
  return models;
}

void Releases::StartModel(const std::string& name) {
  if (unfit_.contains(name)) return;
  ModelFolder folder(parts_.files, parts_.state_folder, name);
  // Killed between the renames of an installation or a rollback: the previous one served last.
  const bool cut_off = !parts_.files->Exists(folder.CurrentPath());
  if (cut_off && !folder.RollBack().ok()) return;  // nothing was installed so far
  absl::StatusOr<Installation> prepared = PrepareCurrent(name, folder);
  absl::Status served;
  if (prepared.ok()) {
    served = Serve(*std::move(prepared), name, folder);
  } else {
    served = prepared.status();
    LogError("model cannot serve", {{"model", name}, {"reason", served.message()}});
    const bool unfit = unfit_.contains(name);  // by the site's file, which may be corrected
    if (!unfit && IsPackagesFault(served)) served = GiveUp(name, folder);
  }
  if (!served.ok()) {
    LogError("model does not serve", {{"model", name}, {"reason", served.message()}});
    return;
  }
  // Of a state folder from before versions were remembered.
  LogIfBad(folder.NoteVersion(VersionOf(served_[name].model->package.manifest)), name);
}

absl::StatusOr<Installation> Releases::PrepareCurrent(const std::string& name,
                                                      ModelFolder& folder) {
  const bool on_trial = folder.CurrentIsOnTrial();
  if (on_trial) {
    const absl::Status counted = folder.CountTry();
    if (IsPackagesFault(counted)) return counted;
    LogIfBad(counted, name);  // a disk that is full keeps nothing from serving
  }
  absl::StatusOr<Installation> prepared =
      Prepare(folder.CurrentPath(), name, folder, nullptr, Why::kService);
  if (prepared.ok()) {
    InstalledModel& model = *prepared->model;
    model.slow_ns = folder.SlowNs(model.parameters_sha256());
  } else if (on_trial) {
    LogIfBad(folder.EndTrial(), name);  // nothing died of it
  }
  return prepared;
}

absl::StatusOr<Installation> Releases::PrepareNext(const std::string& name, ModelFolder& folder,
                                                   const Serving* serving) {
  // Before it is read: what ends this program must not end it at every start.
  MR_RETURN_IF_ERROR(folder.CountTry());
  return Prepare(folder.InstallingPath(), name, folder, serving, Why::kInstallation);
}

absl::StatusOr<Installation> Releases::PreparePrevious(const std::string& name,
                                                       const ModelFolder& folder) {
  if (!parts_.files->Exists(folder.PreviousPath())) {
    return absl::NotFoundError("there is no version before to go back to");
  }
  return Prepare(folder.PreviousPath(), name, folder, nullptr, Why::kService);
}

absl::Status Releases::GoBack(Installation previous, const std::string& name, ModelFolder& folder) {
  MR_RETURN_IF_ERROR(folder.RollBack());
  LogWarning("model rolled back",
             {{"model", name}, {"version", previous.model->package.manifest.version()}});
  return Serve(std::move(previous), name, folder);
}

absl::Status Releases::GiveUp(const std::string& name, ModelFolder& folder) {
  MR_ASSIGN_OR_RETURN(Installation previous, PreparePrevious(name, folder));
  return GoBack(std::move(previous), name, folder);
}

absl::StatusOr<Installation> Releases::Prepare(const std::string& path, const std::string& name,
                                               const ModelFolder& folder, const Serving* serving,
                                               Why why) {
  MR_ASSIGN_OR_RETURN(ModelPackage package, ReadPackage(parts_.files, path));
  if (package.manifest.name() != name) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": it is of model '", package.manifest.name(), "'"));
  }
  // Before they are read: what changes meanwhile is seen by the next look.
  const absl::StatusOr<Digest> trusted = DigestOfTrust(parts_.files, parts_.policy.authority);
  const absl::StatusOr<PublisherTrust> trust =
      ReadPublisherTrust(parts_.files, parts_.policy.authority);
  MR_ASSIGN_OR_RETURN(std::vector<std::string> publishers,
                      CheckPackage(package, folder, trust, why));
  if (absl::Status fits = parts_.engine->Check(package); !fits.ok()) {
    if (path == folder.CurrentPath()) unfit_.insert(name);
    return fits;
  }
  const size_t predictors = parts_.engine->PredictorsFor(name);
  InstallLimits limits;
  if (why == Why::kInstallation) {
    limits = InstallLimitsOf(parts_.demands, package);
  } else {
    limits.measure_ns = kMeasureForServiceNs;
  }
  limits.halted = [this] { return halted_.load(); };
  MR_ASSIGN_OR_RETURN(
      Installation installation,
      Install(std::move(package), parts_.predictors, predictors, serving, limits, parts_.clock));
  installation.publishers = std::move(publishers);
  if (trusted.ok() && trust.ok()) installation.trust = *trusted;
  return installation;
}

absl::StatusOr<std::vector<std::string>> Releases::CheckPackage(
    const ModelPackage& package, const ModelFolder& folder,
    const absl::StatusOr<PublisherTrust>& trust, Why why) const {
  const absl::Status fresh = CheckFreshness(parts_.demands, package);
  if (why == Why::kInstallation) {
    MR_RETURN_IF_ERROR(fresh);
    MR_ASSIGN_OR_RETURN(const NewestVersion newest, folder.Newest());
    return CheckForInstallation(package, parts_.policy, trust, newest, Now());
  }
  if (!fresh.ok()) {
    LogWarning("model's verdicts go stale before the next",
               {{"model", package.manifest.name()}, {"reason", fresh.message()}});
  }
  return CheckForService(package, parts_.policy, trust, Now());
}

absl::Status Releases::Serve(Installation installation, const std::string& name,
                             const ModelFolder& folder) {
  MR_RETURN_IF_ERROR(parts_.engine->Use(installation.model));
  const v1::PackageManifest& manifest = installation.model->package.manifest;
  ServedModel model;
  model.name = name;
  model.version = manifest.version();
  model.parameters = installation.model->digest;
  model.package = installation.model->package.Sha256();
  model.publishers = installation.publishers;
  model.expires_ms = manifest.expires_ms();
  model.window_us = installation.window_ns / 1000;
  LogInfo("model serves", {{"model", name},
                           {"version", model.version},
                           {"parameters_sha256", model.parameters.Hex()},
                           {"package_sha256", model.package.Hex()},
                           {"publishers", absl::StrJoin(model.publishers, ",")},
                           {"test_vectors", manifest.test_vectors_size()},
                           {"window_us", model.window_us}});
  TellOfUnsaidUnits(installation.model->package, parts_.demands.machines);
  Served served;
  served.serving = {manifest.version(), installation.window_ns, &installation.model->package};
  served.since_ns = parts_.clock->MonotonicNs();
  served.on_trial = folder.CurrentIsOnTrial();
  served.can_roll_back = parts_.files->Exists(folder.PreviousPath());
  served.trust = installation.trust;
  served.model = std::move(installation.model);
  served_[name] = std::move(served);
  unfit_.erase(name);
  {
    const absl::MutexLock lock(&mutex_);
    serving_[name] = std::move(model);
  }
  NoticeExpiry(name);
  return absl::OkStatus();
}

void Releases::CheckAgain(const std::string& name, ModelFolder& folder) {
  const auto served = served_.find(name);
  if (served == served_.end() || parts_.policy.SignaturesAsked() == 0) return;
  // While they cannot be read, what serves goes on, and by what it was checked last.
  const absl::StatusOr<Digest> trusted = DigestOfTrust(parts_.files, parts_.policy.authority);
  if (!trusted.ok() || served->second.trust == *trusted) return;
  const absl::StatusOr<PublisherTrust> trust =
      ReadPublisherTrust(parts_.files, parts_.policy.authority);
  if (!trust.ok()) return;
  served->second.trust = *trusted;
  const std::shared_ptr<InstalledModel> model = served->second.model;
  absl::StatusOr<std::vector<std::string>> publishers =
      CheckForService(model->package, parts_.policy, trust, Now());
  if (publishers.ok()) {
    const absl::MutexLock lock(&mutex_);
    serving_[name].publishers = *std::move(publishers);
    return;
  }
  LogError("model may not serve", {{"model", name}, {"reason", publishers.status().message()}});
  model->disowned = true;  // at once: to make the one before ready takes a while
  if (const absl::Status back = GiveUp(name, folder); !back.ok()) {
    LogError("model serves no more", {{"model", name}, {"reason", back.message()}});
    served_.erase(name);
    const absl::MutexLock lock(&mutex_);
    serving_.erase(name);
  }
}

void Releases::RollBackIfIll(const std::string& name, ModelFolder& folder) {
  const auto found = served_.find(name);
  if (found == served_.end()) return;
  Served& served = found->second;
  InstalledModel& model = *served.model;
  const ModelCounts counts{model.windows, model.faults, model.slow};
  const ModelHealth::Finding finding = served.health.Judge(counts);
  served.is_ill = finding != ModelHealth::Finding::kWell;
  if (!served.is_ill || !served.can_roll_back) return;
  absl::StatusOr<Installation> before = PreparePrevious(name, folder);
  if (before.ok() && finding == ModelHealth::Finding::kSlow) {
    const int64_t slow_ns = std::llround(TooSlowNs(before->window_ns, InstallLimits{}));
    if (slow_ns > model.slow_ns) {  // the machine is slower than it was, and not the model
      model.slow_ns = slow_ns;
      LogIfBad(folder.NoteSlowNs(model.parameters_sha256(), slow_ns), name);
      return served.health.Forgive(counts);
    }
  }
  served.can_roll_back = false;  // tried once
  LogError("model is given up", {{"model", name},
                                 {"version", served.serving.version},
                                 {"faults", counts.faults},
                                 {"slow_windows", counts.slow}});
  const absl::Status back =
      before.ok() ? GoBack(*std::move(before), name, folder) : before.status();
  if (!back.ok()) {
    LogError("model not rolled back", {{"model", name}, {"error", back.message()}});
  }
}

void Releases::EndTrial(const std::string& name, ModelFolder& folder) {
  const auto served = served_.find(name);
  if (served == served_.end() || !served->second.on_trial) return;
  if (parts_.clock->MonotonicNs() - served->second.since_ns < kTrialNs) return;
  served->second.on_trial = false;
  LogIfBad(folder.EndTrial(), name);
}

void Releases::NoticeExpiry(const std::string& name) {
  const auto served = served_.find(name);
  if (served == served_.end()) return;
  InstalledModel& model = *served->second.model;
  const absl::Status end = CheckExpiry(model.package.manifest, Now());
  if (model.expired == !end.ok()) return;
  model.expired = !end.ok();  // a clock that is set right may take it back
  model.withheld = !end.ok() && !parts_.policy.serve_expired;
  {
    const absl::MutexLock lock(&mutex_);
    serving_[name].expired = model.expired;
  }
  if (end.ok()) return;
  LogError(
      model.withheld ? "model has expired and judges no more" : "model has expired",
      {{"model", name}, {"version", served->second.serving.version}, {"reason", end.message()}});
}

}  // namespace millrace
