// SPDX-License-Identifier: Apache-2.0
#include "client/prepared_models.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "client/inference/recorded_drift.h"

namespace millrace {
namespace {

constexpr int64_t kLongestPreparationNs = 30 * kNsPerS;
constexpr int64_t kMostRecordings = int64_t{1} << 30;  // bytes that are looked at
// Beyond it nobody would know any more what the site waits for.
constexpr double kLongestWaitS = 7 * 86'400;
// A machine without a verdict for as long, or for ten of its windows, is not judged.
constexpr double kJudgedLatelyS = 600;
constexpr double kJudgedLatelyWindows = 10;

/// Between two verdicts, in seconds.
double VerdictEveryS(const MachineConfig& kind, const Plan& plan) {
  const int64_t hop = kind.hop > 0 ? kind.hop : plan.input.window;
  return static_cast<double>(hop) / kind.rate_hz;
}

int64_t NsOf(double seconds) { return std::llround(seconds * static_cast<double>(kNsPerS)); }

/// How long what serves judges on where too few rows are at hand.
int64_t LongestWaitNs(const MachineConfig& kind, const Plan& plan) {
  const auto windows = static_cast<double>(kind.learning.learn_windows);
  return NsOf(std::min(2 * windows * VerdictEveryS(kind, plan), kLongestWaitS));
}

int64_t JudgedLatelyNs(const MachineConfig& kind, const Plan& plan) {
  const double windows_s = kJudgedLatelyWindows * VerdictEveryS(kind, plan);
  return NsOf(std::clamp(windows_s, kJudgedLatelyS, kLongestWaitS));
}

RecordedRows RowsIn(std::vector<std::shared_ptr<const StoredRows>> blocks) {
  return [blocks = std::move(blocks)](const std::function<void(const StoredRows& rows)>& visit) {
    for (const auto& block : blocks) visit(*block);
  };
}

}  // namespace

const StoreReader* PreparedModels::Recordings::get() {
  if (!opened_ && !models_->past_.recordings.empty()) {
    absl::StatusOr<StoreReader> store =
        StoreReader::Open(models_->files_, models_->past_.recordings, kMostRecordings,
                          [this] { return models_->halted_.load(); });
    if (store.ok()) {
      store_.emplace(*std::move(store));
    } else if (!absl::IsCancelled(store.status())) {
      LogWarning("nothing is learnt from recordings",
                 {{"model", name_}, {"reason", store.status().message()}});
    }
  }
  opened_ = true;
  return store_ ? &*store_ : nullptr;
}

void PreparedModels::Remember(const LearntOfMachines& learnt) {
  for (const auto& [machine, threshold] : learnt.thresholds) {
    remembered_[machine] = threshold.model_sha256;
  }
  for (const auto& [machine, bytes] : learnt.drift) {
    remembered_drift_[machine] = OriginOfDrift(*bytes);
  }
  begin_by_ns_ = clock_->MonotonicNs() + kLongestPreparationNs;
}

void PreparedModels::Begin() {
  remembered_.clear();
  remembered_drift_.clear();
  begin_by_ns_ = 0;
}

bool PreparedModels::IsKnown(const InstalledModel& model) const {
  const auto known = known_.find(model.package.manifest.name());
  return known != known_.end() && (model.parameters_sha256() == known->second.now ||
                                   model.parameters_sha256() == known->second.before);
}

absl::Status PreparedModels::MakeReady(InstalledModel& model, bool may_wait) {
  if (IsKnown(model) || model.predictors.empty()) return absl::OkStatus();
  if (halted_ && may_wait) return absl::UnavailableError("the daemon ends");
  const std::string& name = model.package.manifest.name();
  past_.recent->KeepWindowsOf(model.package);
  const int64_t now_ns = clock_->MonotonicNs();
  const int64_t end_ns = begin_by_ns_ > 0 ? begin_by_ns_ : now_ns + kLongestPreparationNs;
  const Enough enough = [&] { return halted_ || clock_->MonotonicNs() > end_ns; };
  Recordings recordings(this, name);
  Preparation& preparation = preparations_[name];
  if (preparation.sha256 != model.parameters_sha256()) {
    preparation = {model.parameters_sha256(), now_ns, {}};
  }
  LearnThresholds(model, recordings, enough, preparation);
  if (may_wait) MR_RETURN_IF_ERROR(CheckReady(model.package.plan, preparation));
  TakeThresholds(preparation, model);
  preparations_.erase(name);
  LearnDrift(recordings, enough, model);
  return absl::OkStatus();
}

absl::Status PreparedModels::Use(std::shared_ptr<InstalledModel> model) {
  MR_RETURN_IF_ERROR(judges_->Check(model->package));
  const std::string sha256 = model->parameters_sha256();
  if (model->thresholds.empty() && model->drift.empty()) {
    MR_RETURN_IF_ERROR(MakeReady(*model, /*may_wait=*/false));
  }
  past_.recent->KeepWindowsOf(model->package);
  MR_RETURN_IF_ERROR(judges_->Use(model));
  Known& known = known_[model->package.manifest.name()];
  if (sha256 != known.now) known = {sha256, known.now};
  if (model->thresholds.empty()) return absl::OkStatus();
  LearntOfMachines learnt;
  for (const auto& [machine, bytes] : model->thresholds) {
    learnt.thresholds[machine] = {sha256, bytes};
  }
  note_(std::move(learnt));
  return absl::OkStatus();
}

void PreparedModels::LearnThresholds(const InstalledModel& model, Recordings& recordings,
                                     const Enough& enough, Preparation& preparation) const {
  Predictor* const predictor = model.predictors[0].get();
  for (const MachineConfig& kind : machines_) {
    if (kind.model != model.package.manifest.name()) continue;
    if (!LearnsThreshold(kind, model.package.plan)) continue;
    for (size_t i = 0; i < kind.names.size(); ++i) {
      const std::string& machine = kind.names[i];
      const auto remembered = remembered_.find(machine);
      if (remembered != remembered_.end() && remembered->second == preparation.sha256) continue;
      if (enough()) return;
      RecordedThreshold& threshold =
          preparation.thresholds.try_emplace(machine, &kind, machine).first->second;
      if (threshold.known()) continue;
      if (const StoreReader* const store = recordings.get()) {
        threshold.Learn(NewestRecorded(*store, kind.RowsOf(i)), model.package, predictor, enough);
      }
      if (threshold.known()) continue;
      threshold.Learn(RowsIn(past_.recent->Of(machine)), model.package, predictor, enough);
    }
  }
}

absl::Status PreparedModels::CheckReady(const Plan& plan, const Preparation& preparation) const {
  const int64_t now_ns = clock_->MonotonicNs();
  int64_t machines = 0;
  std::string first;
  for (const MachineConfig& kind : machines_) {
    if (now_ns - preparation.since_ns >= LongestWaitNs(kind, plan)) continue;
    for (const std::string& machine : kind.names) {
      const auto found = preparation.thresholds.find(machine);
      if (found == preparation.thresholds.end() || found->second.known()) continue;
      if (!past_.recent->JudgedSince(machine, now_ns - JudgedLatelyNs(kind, plan))) continue;
      if (++machines == 1) first = absl::StrCat(machine, ": ", found->second.Progress());
    }
  }
  if (machines == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("thresholds of ", machines, " machines are being learnt, of ", first));
}

void PreparedModels::TakeThresholds(const Preparation& preparation, InstalledModel& model) const {
  int64_t known = 0;
  for (const auto& [machine, threshold] : preparation.thresholds) {
    std::string bytes = threshold.Serialize();
    if (bytes.empty()) continue;
    known += threshold.known() ? 1 : 0;
    model.thresholds[machine] = std::make_shared<const std::string>(std::move(bytes));
  }
  if (preparation.thresholds.empty()) return;
  LogInfo("thresholds are prepared", {{"model", model.package.manifest.name()},
                                      {"machines", preparation.thresholds.size()},
                                      {"known", known}});
}

void PreparedModels::LearnDrift(Recordings& recordings, const Enough& enough,
                                InstalledModel& model) const {
  for (const MachineConfig& kind : machines_) {
    if (kind.model != model.package.manifest.name()) continue;
    if (!kind.drift || !kind.channels_of.empty()) continue;  // their rows' machines watch it
    for (const std::string& machine : kind.names) {
      const auto found = remembered_drift_.find(machine);
      const DriftOrigin remembered =
          found == remembered_drift_.end() ? DriftOrigin() : found->second;
      if (remembered.model_sha256 == model.parameters_sha256()) continue;
      if (enough()) return;
      const StoreReader* const store = recordings.get();
      if (store == nullptr) return;
      std::vector<DriftMonitor> monitors = DriftFromRecordings(
          NewestRecorded(*store, machine, past_.days), kind, model.package.plan, enough);
      if (monitors.empty()) continue;
      for (size_t channel = 0; channel < monitors.size(); ++channel) {
        if (!remembered.relearnt.contains(kind.channels[channel].name)) continue;
        monitors[channel] = DriftMonitor(*kind.drift);  // the channel has another normal since
      }
      model.drift[machine] = std::move(monitors);
    }
  }
  if (model.drift.empty()) return;
  LogInfo("drift is compared with recordings",
          {{"model", model.package.manifest.name()}, {"machines", model.drift.size()}});
}

}  // namespace millrace
