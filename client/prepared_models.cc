// SPDX-License-Identifier: Apache-2.0
#include "client/prepared_models.h"

#include <utility>

#include "absl/status/statusor.h"
#include "base/log.h"
#include "base/status.h"
#include "client/inference/recorded_threshold.h"
#include "client/store/store_reader.h"

namespace millrace {
namespace {

constexpr int64_t kLongestPreparationNs = 30 * kNsPerS;
constexpr int64_t kMostRecordings = int64_t{1} << 30;  // bytes that are looked at

}  // namespace

void PreparedModels::Remember(const LearntOfMachines& learnt) {
  for (const auto& [machine, threshold] : learnt.thresholds) {
    remembered_[machine] = threshold.model_sha256;
  }
  begin_by_ns_ = clock_->MonotonicNs() + kLongestPreparationNs;
}

void PreparedModels::Begin() {
  remembered_.clear();
  begin_by_ns_ = 0;
}

absl::Status PreparedModels::Use(std::shared_ptr<InstalledModel> model) {
  MR_RETURN_IF_ERROR(judges_->Check(model->package));
  const std::string sha256 = model->parameters_sha256();
  Known& known = known_[model->package.manifest.name()];
  const bool is_known = sha256 == known.now || sha256 == known.before;
  if (!is_known && !recordings_.empty() && !model->predictors.empty()) Prepare(*model);
  MR_RETURN_IF_ERROR(judges_->Use(model));
  if (sha256 != known.now) known = {sha256, known.now};
  if (model->thresholds.empty()) return absl::OkStatus();
  LearntOfMachines learnt;
  for (const auto& [machine, bytes] : model->thresholds) {
    learnt.thresholds[machine] = {sha256, bytes};
  }
  note_(std::move(learnt));
  return absl::OkStatus();
}

void PreparedModels::Prepare(InstalledModel& model) const {
  const std::string& name = model.package.manifest.name();
  const std::string sha256 = model.parameters_sha256();
  const int64_t end_ns =
      begin_by_ns_ > 0 ? begin_by_ns_ : clock_->MonotonicNs() + kLongestPreparationNs;
  const auto enough = [&] { return halted_ || clock_->MonotonicNs() > end_ns; };
  absl::StatusOr<StoreReader> store = absl::NotFoundError("nothing is to be learnt");
  for (const MachineConfig& kind : machines_) {
    if (kind.model != name || !LearnsThreshold(kind, model.package.plan)) continue;
    if (!store.ok()) store = StoreReader::Open(files_, recordings_, kMostRecordings);
    if (!store.ok()) {
      LogWarning("thresholds are learnt anew from live data",
                 {{"model", name}, {"reason", store.status().message()}});
      return;
    }
    for (const std::string& machine : kind.names) {
      const auto remembered = remembered_.find(machine);
      if (remembered != remembered_.end() && remembered->second == sha256) continue;
      if (enough()) break;
      std::string bytes = ThresholdFromRecordings(*store, kind, machine, model.package,
                                                  model.predictors[0].get(), enough);
      if (bytes.empty()) continue;
      model.thresholds[machine] = std::make_shared<const std::string>(std::move(bytes));
    }
  }
  if (!store.ok()) return;
  LogInfo("thresholds are prepared from recordings",
          {{"model", name}, {"machines", model.thresholds.size()}});
}

}  // namespace millrace
