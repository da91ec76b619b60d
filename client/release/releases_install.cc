// SPDX-License-Identifier: Apache-2.0
// How what is staged comes to serve.
#include <cmath>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "client/release/package_check.h"
#include "client/release/release_steps.h"
#include "client/release/releases.h"

namespace millrace {

bool IsPackagesFault(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsInvalidArgument(status) ||
         absl::IsFailedPrecondition(status);
}

NewestVersion VersionOf(const v1::PackageManifest& manifest) {
  return {manifest.version(), manifest.parameters_sha256()};
}

void LogIfBad(const absl::Status& status, const std::string& name) {
  if (!status.ok()) LogError("models' folder", {{"model", name}, {"error", status.message()}});
}

void Releases::NotYet(const absl::Status& status, const std::string& name, ModelFolder& folder) {
  LogIfBad(folder.EndTrial(), name);
  LogError("model not installed yet", {{"model", name}, {"reason", status.message()}});
}

void Releases::Refuse(const absl::Status& status, const std::string& name, ModelFolder& folder) {
  if (!IsPackagesFault(status)) return NotYet(status, name, folder);
  LogError("model refused", {{"model", name}, {"reason", status.message()}});
  LogIfBad(folder.Refuse(), name);
  EndWait(name, folder);
}

void Releases::InstallNext(const std::string& name, ModelFolder& folder) {
  installed_ns_[name] = parts_.clock->MonotonicNs();
  waiting_.erase(name);
  if (const absl::Status taken = folder.TakeNext(); !taken.ok()) return LogIfBad(taken, name);
  const auto served = served_.find(name);
  const Serving* const serving = served == served_.end() ? nullptr : &served->second.serving;
  absl::StatusOr<Installation> next = PrepareNext(name, folder, serving);
  if (!next.ok()) return Refuse(next.status(), name, folder);
  TakeUp(*std::move(next), name, folder);
}

void Releases::GoOnWaiting(const std::string& name, ModelFolder& folder) {
  Installation next = std::move(waiting_.extract(name).mapped());
  // It is given windows to score, and publishers may have changed their minds.
  const absl::Status counted = folder.CountTry();
  if (!counted.ok()) return Refuse(counted, name, folder);
  const absl::StatusOr<Digest> trusted = DigestOfTrust(parts_.files, parts_.policy.authority);
  const absl::StatusOr<PublisherTrust> trust =
      ReadPublisherTrust(parts_.files, parts_.policy.authority);
  absl::StatusOr<std::vector<std::string>> publishers =
      CheckPackage(next.model->package, folder, trust, Why::kInstallation);
  if (!publishers.ok()) return Refuse(publishers.status(), name, folder);
  next.publishers = *std::move(publishers);
  next.trust.reset();
  if (trusted.ok() && trust.ok()) next.trust = *trusted;
  TakeUp(std::move(next), name, folder);
}

bool Releases::HasTime(const std::string& name) const {
  const auto served = served_.find(name);
  if (served == served_.end() || served->second.is_ill) return false;
  const InstalledModel& model = *served->second.model;
  return !model.withheld && !model.disowned;
}

void Releases::Wait(const absl::Status& why, Installation next, const std::string& name,
                    ModelFolder& folder) {
  InstalledModel& model = *next.model;
  LogIfBad(folder.EndTrial(), name);
  // On disk: a site that is switched off every night would wait for ever.
  const absl::Status noted = folder.NoteWaitedNs(model.waited_ns);
  LogIfBad(noted, name);
  const int64_t now_ns = parts_.clock->MonotonicNs();
  const auto [until, first] = waited_until_ns_.try_emplace(name, now_ns);
  if (noted.ok()) until->second = now_ns;
  const bool has_more_to_do = absl::IsAborted(why);
  if (has_more_to_do) installed_ns_.erase(name);  // it goes on at the next look
  if (first || !has_more_to_do) {
    LogInfo("model waits", {{"model", name},
                            {"version", model.package.manifest.version()},
                            {"reason", why.message()}});
  }
  waiting_.emplace(name, std::move(next));
}

void Releases::EndWait(const std::string& name, ModelFolder& folder) {
  waited_until_ns_.erase(name);
  LogIfBad(folder.EndWait(), name);
}

void Releases::TakeUp(Installation next, const std::string& name, ModelFolder& folder) {
  InstalledModel& model = *next.model;
  model.waited_ns = folder.WaitedNs();
  if (const auto until = waited_until_ns_.find(name); until != waited_until_ns_.end()) {
    model.waited_ns += parts_.clock->MonotonicNs() - until->second;
  }
  const absl::Status ready = parts_.engine->MakeReady(model, HasTime(name));
  if (!ready.ok()) return Wait(ready, std::move(next), name, folder);
  const auto served = served_.find(name);
  const bool first = served == served_.end();
  const bool same =
      !first && served->second.model->parameters_sha256() == model.parameters_sha256();
  if (same) {
    model.slow_ns = served->second.model->slow_ns.load();
  } else if (!first) {
    model.slow_ns = std::llround(TooSlowNs(served->second.serving.window_ns, InstallLimits{}));
  }
  // On disk before it serves: what serves is what a restart finds, and how it is watched. The
  // version first: killed in between, the same package is installed again, and none that is older.
  // Only what serves is worth going back to, and not to the very same model.
  absl::Status kept = folder.NoteVersion(VersionOf(model.package.manifest));
  if (kept.ok() && model.slow_ns > 0) {
    kept = folder.NoteSlowNs(model.parameters_sha256(), model.slow_ns);
  }
  if (kept.ok()) {
    kept =
        folder.Promote(first || same ? ModelFolder::Former::kReplace : ModelFolder::Former::kKeep);
  }
  if (!kept.ok()) return NotYet(kept, name, folder);
  EndWait(name, folder);
  LogIfBad(Serve(std::move(next), name, folder), name);
}

}  // namespace millrace
