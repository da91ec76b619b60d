// SPDX-License-Identifier: Apache-2.0
#include "client/prepared_models.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "client/inference/recorded_drift.h"

namespace millrace {
namespace {

constexpr int64_t kLongestPreparationNs = 30 * kNsPerS;
// Of what may wait: whoever installs has revocations and orders to look at, too.
constexpr int64_t kGoNs = 2 * kNsPerS;
constexpr int64_t kMostRecordings = int64_t{1} << 30;  // bytes that are looked at
// Beyond it nobody would know any more what the site waits for.
constexpr double kLongestWaitS = 7 * 86'400;
// A machine without a verdict for as long, or for ten of its windows, is not judged.
constexpr double kJudgedLatelyS = 600;
constexpr double kJudgedLatelyWindows = 10;
constexpr int64_t kTimesDrift = 4;  // what is learnt, spread over as many times as much

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

/// Those that a threshold is learnt from.
int64_t ValuesOfWindows(const MachineConfig& kind, const Plan& plan) {
  const int64_t hop = kind.hop > 0 ? kind.hop : plan.input.window;
  return (kind.learning.learn_windows * hop + plan.input.window) * std::ssize(kind.channels);
}

/// Those of `learn_s` seconds.
int64_t ValuesOfDrift(const MachineConfig& kind) {
  return std::llround(static_cast<double>(kind.drift->learn_s) * kind.rate_hz) *
         std::ssize(kind.channels);
}

void TellIfTooMany(const std::string& machine, int64_t values) {
  if (values <= kMostRecordedValues) return;
  LogWarning("recordings are read in part, and the rest is learnt live",
             {{"machine", machine}, {"values", values}, {"at_most", kMostRecordedValues}});
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
  {
    const absl::MutexLock lock(&mutex_);
    normal_since_ = learnt.normal_since;
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

PreparedModels::Go PreparedModels::BeginGo(bool may_wait) const {
  const int64_t now_ns = clock_->MonotonicNs();
  const int64_t longest_ns = begin_by_ns_ > 0 ? begin_by_ns_ : now_ns + kLongestPreparationNs;
  return {may_wait ? std::min(now_ns + kGoNs, longest_ns) : longest_ns, longest_ns};
}

int64_t PreparedModels::NormalSince(const std::string& machine) const {
  const absl::MutexLock lock(&mutex_);
  const auto since = normal_since_.find(machine);
  return since == normal_since_.end() ? std::numeric_limits<int64_t>::min() : since->second;
}

void PreparedModels::NormalFromNow(const std::string& machine) {
  int64_t now_ns = past_.recent->LastRowNs(machine);  // by the clock that dates its rows
  if (now_ns == 0) now_ns = clock_->UnixNs();
  {
    const absl::MutexLock lock(&mutex_);
    normal_since_[machine] = now_ns;
  }
  LearntOfMachines learnt;
  learnt.normal_since[machine] = now_ns;
  note_(std::move(learnt));
}

/// What was learnt of rows from before an order that has come meanwhile.
void PreparedModels::ForgetAbnormal(Preparation& preparation) const {
  for (auto it = preparation.thresholds.begin(); it != preparation.thresholds.end();) {
    if (it->second.since_ns == NormalSince(it->first)) {
      ++it;
      continue;
    }
    preparation.seen.erase(it->first);
    it = preparation.thresholds.erase(it);
  }
}

bool PreparedModels::IsRemembered(const std::string& machine, const std::string& sha256) const {
  const auto remembered = remembered_.find(machine);
  return remembered != remembered_.end() && remembered->second == sha256;
}

absl::Status PreparedModels::MakeReady(InstalledModel& model, bool may_wait) {
  if (IsKnown(model) || model.predictors.empty()) return absl::OkStatus();
  const std::string& name = model.package.manifest.name();
  past_.recent->KeepWindowsOf(model.package);
  const Go go = BeginGo(may_wait);
  Preparation& preparation = preparations_[name];
  if (preparation.sha256 != model.parameters_sha256()) {
    preparation = Preparation();
    preparation.sha256 = model.parameters_sha256();
  }
  if (!preparation.recordings) preparation.recordings.emplace(this, name);
  ForgetAbnormal(preparation);
  LearnThresholds(model, go, preparation);
  if (may_wait && !halted_) {
    const absl::Status ready = CheckReady(model, preparation);
    if (absl::IsUnavailable(ready)) {  // the next turn is to find what comes until then
      preparation.seen.clear();
      preparation.recordings.reset();
    }
    MR_RETURN_IF_ERROR(ready);
  }
  const int64_t left = LearnDrift(model, go, preparation);
  if (halted_) {  // what was cut short is not to be kept: the next start would take it for all
    preparations_.erase(name);
    return may_wait ? absl::UnavailableError("the daemon ends") : absl::OkStatus();
  }
  if (left > 0 && may_wait) {
    return absl::AbortedError(
        absl::StrCat("recordings of ", left, " machines are yet to be compared with for drift"));
  }
  if (left > 0) {
    LogWarning("drift is compared with live data, since there was no time to read recordings",
               {{"model", name}, {"machines", left}});
  }
  ForgetAbnormal(preparation);
  Take(preparation, model);
  preparations_.erase(name);
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

void PreparedModels::LearnThresholds(const InstalledModel& model, const Go& go,
                                     Preparation& preparation) const {
  for (const MachineConfig& kind : machines_) {
    if (kind.model != model.package.manifest.name()) continue;
    if (!LearnsThreshold(kind, model.package.plan)) continue;
    for (size_t i = 0; i < kind.names.size(); ++i) {
      const std::string& machine = kind.names[i];
      if (preparation.seen.contains(machine)) continue;
      if (IsRemembered(machine, preparation.sha256)) continue;
      if (IsOver(go.end_ns) || !LearnThreshold(kind, i, model, go, preparation)) return;
      preparation.seen.insert(machine);
    }
  }
}

bool PreparedModels::LearnThreshold(const MachineConfig& kind, size_t index,
                                    const InstalledModel& model, const Go& go,
                                    Preparation& preparation) const {
  const std::string& machine = kind.names[index];
  const int64_t since_ns = NormalSince(machine);
  const auto [prepared, first] = preparation.thresholds.try_emplace(
      machine, Prepared{since_ns, RecordedThreshold(&kind, machine, since_ns)});
  RecordedThreshold& threshold = prepared->second.threshold;
  if (threshold.known()) return true;
  Predictor* const predictor = model.predictors[0].get();
  // Asked once some are scored: what was read for long is made use of before it is read again.
  int64_t end_ns = 0;
  const auto enough = [&] {
    if (end_ns == 0) end_ns = std::max(go.end_ns, clock_->MonotonicNs() + kGoNs / 2);
    return IsOver(end_ns);
  };
  if (const StoreReader* const store = preparation.recordings->get()) {
    const int64_t values = ValuesOfWindows(kind, model.package.plan);
    if (first) TellIfTooMany(machine, values);
    // Those that are flagged or of alarms leave gaps.
    const RecordedPart part{2 * values, 0, threshold.learnt_ns()};
    const bool all = threshold.Learn(NewestRecorded(*store, kind.RowsOf(index), part),
                                     model.package, predictor, enough);
    if (!all && !threshold.known()) return false;
  }
  if (threshold.known()) return true;
  const bool all =
      threshold.Learn(RowsIn(past_.recent->Of(machine)), model.package, predictor, enough);
  return all || threshold.known();
}

absl::Status PreparedModels::CheckReady(const InstalledModel& model,
                                        const Preparation& preparation) const {
  const Plan& plan = model.package.plan;
  const int64_t now_ns = clock_->MonotonicNs();
  int64_t machines = 0;
  bool all_seen = true;
  std::string first;
  for (const MachineConfig& kind : machines_) {
    if (kind.model != model.package.manifest.name() || !LearnsThreshold(kind, plan)) continue;
    if (model.waited_ns >= LongestWaitNs(kind, plan)) continue;
    for (const std::string& machine : kind.names) {
      if (IsRemembered(machine, preparation.sha256)) continue;
      const auto prepared = preparation.thresholds.find(machine);
      const bool begun = prepared != preparation.thresholds.end();
      if (begun && prepared->second.threshold.known()) continue;
      const bool seen = preparation.seen.contains(machine);
      if (seen && !past_.recent->JudgedSince(machine, now_ns - JudgedLatelyNs(kind, plan)))
        continue;
      all_seen = all_seen && seen;
      if (++machines > 1) continue;
      first = absl::StrCat(machine, ": ",
                           begun ? prepared->second.threshold.Progress() : "it has not begun");
    }
  }
  if (machines == 0) return absl::OkStatus();
  const std::string reason =
      absl::StrCat("thresholds of ", machines, " machines are being learnt, of ", first);
  return all_seen ? absl::UnavailableError(reason) : absl::AbortedError(reason);
}

int64_t PreparedModels::LearnDrift(const InstalledModel& model, const Go& go,
                                   Preparation& preparation) const {
  if (past_.recordings.empty()) return 0;
  int64_t left = 0;
  for (const MachineConfig& kind : machines_) {
    if (kind.model != model.package.manifest.name()) continue;
    if (!kind.drift || !kind.channels_of.empty()) continue;  // their rows' machines watch it
    const int64_t values = ValuesOfDrift(kind);
    for (const std::string& machine : kind.names) {
      if (preparation.with_drift.contains(machine)) continue;
      const auto found = remembered_drift_.find(machine);
      const DriftOrigin remembered =
          found == remembered_drift_.end() ? DriftOrigin() : found->second;
      if (remembered.model_sha256 == preparation.sha256) continue;
      if (IsOver(go.end_ns)) {
        ++left;
        continue;
      }
      const StoreReader* const store = preparation.recordings->get();
      if (store == nullptr) return 0;
      const RecordedPart part{kTimesDrift * values, past_.days};
      std::vector<DriftMonitor> monitors =
          DriftFromRecordings(NewestRecorded(*store, machine, part), kind, model.package.plan,
                              [&] { return IsOver(go.end_within_ns); });
      preparation.with_drift.insert(machine);
      if (monitors.empty()) {
        TellIfTooMany(machine, values);
        continue;
      }
      for (size_t channel = 0; channel < monitors.size(); ++channel) {
        if (!remembered.relearnt.contains(kind.channels[channel].name)) continue;
        monitors[channel] = DriftMonitor(*kind.drift);  // the channel has another normal since
      }
      preparation.drift[machine] = std::move(monitors);
    }
  }
  return left;
}

void PreparedModels::Take(Preparation& preparation, InstalledModel& model) {
  int64_t known = 0;
  for (const auto& [machine, prepared] : preparation.thresholds) {
    std::string bytes = prepared.threshold.Serialize();
    if (bytes.empty()) continue;
    known += prepared.threshold.known() ? 1 : 0;
    model.thresholds[machine] = std::make_shared<const std::string>(std::move(bytes));
  }
  if (!preparation.thresholds.empty()) {
    LogInfo("thresholds are prepared", {{"model", model.package.manifest.name()},
                                        {"machines", preparation.thresholds.size()},
                                        {"known", known}});
  }
  model.drift = std::move(preparation.drift);
  if (model.drift.empty()) return;
  LogInfo("drift is compared with recordings",
          {{"model", model.package.manifest.name()}, {"machines", model.drift.size()}});
}

}  // namespace millrace
