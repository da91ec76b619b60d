// SPDX-License-Identifier: Apache-2.0
#include "client/release/releases.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log.h"
#include "base/status.h"
#include "client/release/package_check.h"

namespace millrace {
namespace {

// A model is ill if so many windows, and so great a share of them, gave no finite score.
constexpr int64_t kIllWindows = 3;
constexpr int64_t kIllShare = 100;  // one in

/// Another file would do, another try would not.
bool IsPackagesFault(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsInvalidArgument(status) ||
         absl::IsFailedPrecondition(status);
}

NewestVersion VersionOf(const v1::PackageManifest& manifest) {
  return {manifest.version(), manifest.parameters_sha256()};
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
  for (const std::string& name : parts_.names) StartModel(name);
}

void Releases::Look() {
  for (const std::string& name : parts_.names) {
    ModelFolder folder(parts_.files, parts_.state_folder, name);
    if (folder.HasNext()) InstallNext(name, folder);
    RollBackIfIll(name, folder);
    NoticeExpiry(name);
  }
}

std::vector<ServedModel> Releases::ServedModels() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<ServedModel> models;
  for (const auto& [name, model] : serving_) models.push_back(model);
  return models;
}

void Releases::StartModel(const std::string& name) {
  ModelFolder folder(parts_.files, parts_.state_folder, name);
  const bool cut_off = !parts_.files->Exists(folder.CurrentPath()) && !folder.HasNext();
  if (cut_off && !folder.RollBack().ok()) return;  // nothing was installed so far
  if (!parts_.files->Exists(folder.CurrentPath())) return;
  absl::StatusOr<Installation> prepared =
      Prepare(folder.CurrentPath(), name, folder, nullptr, Why::kService);
  if (!prepared.ok() && IsPackagesFault(prepared.status())) {
    LogError("model cannot serve", {{"model", name}, {"reason", prepared.status().message()}});
    const absl::Status back = folder.RollBack();
    if (back.ok()) {
      prepared = Prepare(folder.CurrentPath(), name, folder, nullptr, Why::kService);
    }
    LogWarning("model rolled back", {{"model", name}, {"result", back.ToString()}});
  }
  const absl::Status served = prepared.ok() ? Serve(*std::move(prepared), name) : prepared.status();
  if (!served.ok()) {
    LogError("model does not serve", {{"model", name}, {"reason", served.message()}});
    return;
  }
  // Of a state folder from before versions were remembered.
  const absl::Status noted = folder.NoteVersion(VersionOf(served_[name].model->package.manifest));
  if (!noted.ok()) LogError("models' folder", {{"model", name}, {"error", noted.message()}});
}

absl::StatusOr<Installation> Releases::Prepare(const std::string& path, const std::string& name,
                                               const ModelFolder& folder, const Serving* serving,
                                               Why why) {
  MR_ASSIGN_OR_RETURN(ModelPackage package, ReadPackage(parts_.files, path));
  if (package.manifest.name() != name) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": it is of model '", package.manifest.name(), "'"));
  }
  const absl::StatusOr<PublisherTrust> trust =
      ReadPublisherTrust(parts_.files, parts_.policy.authority);
  std::vector<std::string> publishers;
  if (why == Why::kService) {
    MR_ASSIGN_OR_RETURN(publishers, CheckForService(package, parts_.policy, trust, Now()));
  } else {
    MR_ASSIGN_OR_RETURN(const NewestVersion newest, folder.Newest());
    MR_ASSIGN_OR_RETURN(publishers,
                        CheckForInstallation(package, parts_.policy, trust, newest, Now()));
  }
  MR_ASSIGN_OR_RETURN(Installation installation, Install(std::move(package), parts_.predictors,
                                                         serving, InstallLimits{}, parts_.clock));
  installation.publishers = std::move(publishers);
  return installation;
}

absl::Status Releases::Serve(Installation installation, const std::string& name) {
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
  const Serving serving{manifest.version(), installation.window_ns};
  served_[name] = {serving, std::move(installation.model), false};
  {
    const absl::MutexLock lock(&mutex_);
    serving_[name] = std::move(model);
  }
  NoticeExpiry(name);
  return absl::OkStatus();
}

void Releases::InstallNext(const std::string& name, ModelFolder& folder) {
  if (const absl::Status taken = folder.TakeNext(); !taken.ok()) {
    LogError("models' folder", {{"model", name}, {"error", taken.message()}});
    return;
  }
  const auto not_yet = [&](const absl::Status& status) {
    LogError("model not installed yet", {{"model", name}, {"reason", status.message()}});
  };
  const auto served = served_.find(name);
  const bool first = served == served_.end();
  absl::StatusOr<Installation> prepared =
      Prepare(folder.InstallingPath(), name, folder, first ? nullptr : &served->second.serving,
              Why::kInstallation);
  if (!prepared.ok() && !IsPackagesFault(prepared.status())) return not_yet(prepared.status());
  absl::Status installed =
      prepared.ok() ? parts_.engine->Check(prepared->model->package) : prepared.status();
  if (installed.ok()) {
    // On disk before it serves: what serves is what a restart finds. The version first: killed in
    // between, the same package is installed again, and none that is older.
    absl::Status kept = folder.NoteVersion(VersionOf(prepared->model->package.manifest));
    if (kept.ok()) kept = folder.Promote();
    if (!kept.ok()) return not_yet(kept);
    installed = Serve(*std::move(prepared), name);
    if (installed.ok()) served_[name].can_roll_back = !first;
    return;
  }
  LogError("model refused", {{"model", name}, {"reason", installed.message()}});
  const absl::Status refused = folder.Refuse();
  if (!refused.ok()) LogError("models' folder", {{"model", name}, {"error", refused.message()}});
}

void Releases::RollBackIfIll(const std::string& name, ModelFolder& folder) {
  const auto served = served_.find(name);
  if (served == served_.end() || !served->second.can_roll_back) return;
  const int64_t faults = served->second.model->faults;
  if (faults < kIllWindows || faults * kIllShare < served->second.model->windows) return;
  served->second.can_roll_back = false;  // tried once
  LogError("model is given up",
           {{"model", name}, {"version", served->second.serving.version}, {"faults", faults}});
  absl::StatusOr<Installation> before =
      Prepare(folder.PreviousPath(), name, folder, nullptr, Why::kService);
  absl::Status status = before.ok() ? folder.RollBack() : before.status();
  if (status.ok()) status = Serve(*std::move(before), name);
  if (!status.ok()) {
    LogError("model not rolled back", {{"model", name}, {"error", status.message()}});
  }
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
