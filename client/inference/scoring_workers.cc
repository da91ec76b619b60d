// SPDX-License-Identifier: Apache-2.0
#include "client/inference/scoring_workers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"

namespace millrace {
namespace {

/// A source's batch must fit, however many threads share the room.
constexpr auto kLeastQueueSamples = static_cast<int64_t>(kMostBatchSamples);

}  // namespace

ScoringWorkers::ScoringWorkers(const std::vector<MachineConfig>& machines, const Options& options,
                               ScoringSinks sinks, LiveClock* clock)
    : ScoringWorkers(machines, DealMachines(machines, options.workers), options.queue_samples,
                     std::move(sinks), clock) {}

ScoringWorkers::ScoringWorkers(const std::vector<MachineConfig>& machines,
                               std::vector<MachineShare> shares, int64_t queue_samples,
                               ScoringSinks sinks, LiveClock* clock)
    : sinks_(std::move(sinks)), heart_(shares.size()) {
  const auto count = static_cast<int64_t>(shares.size());
  if (count > 1) queue_samples = std::max(queue_samples / count, kLeastQueueSamples);
  std::vector<SampleRoute> routes = RoutesOf(machines, shares);
  std::vector<SampleQueue*> queues;
  for (MachineShare& share : shares) {
    workers_.push_back(std::make_unique<ScoringWorker>(std::move(share), queue_samples, &sinks_,
                                                       clock, &heart_, workers_.size()));
    queues.push_back(&workers_.back()->queue());
  }
  if (count > 1) router_.emplace(std::move(routes), std::move(queues));
}

ScoringWorkers::~ScoringWorkers() { Stop(); }

void ScoringWorkers::Restore(const LearntOfMachines& learnt) {
  for (const auto& worker : workers_) {
    worker->engine().RestoreThresholds(learnt.thresholds);
    worker->engine().RestoreDrift(learnt.drift);
  }
}

void ScoringWorkers::Start() {
  for (const auto& worker : workers_) worker->Start();
}

void ScoringWorkers::Stop() {
  for (const auto& worker : workers_) worker->Halt();
  for (const auto& worker : workers_) worker->Stop();
}

SampleSink* ScoringWorkers::sink() {
  if (router_) return &*router_;
  return &workers_.front()->queue();
}

std::vector<ScoringWorker*> ScoringWorkers::JudgesBy(const std::string& name) const {
  std::vector<ScoringWorker*> judges;
  for (const auto& worker : workers_) {
    if (worker->engine().PredictorsFor(name) > 0) judges.push_back(worker.get());
  }
  return judges;
}

absl::Status ScoringWorkers::Check(const ModelPackage& package) const {
  const std::vector<ScoringWorker*> judges = JudgesBy(package.manifest.name());
  if (judges.empty()) return workers_.front()->engine().Check(package);  // which says why
  for (const ScoringWorker* const judge : judges) {
    MR_RETURN_IF_ERROR(judge->engine().Check(package));
  }
  return absl::OkStatus();
}

absl::Status ScoringWorkers::Use(std::shared_ptr<InstalledModel> model) {
  MR_RETURN_IF_ERROR(Check(model->package));
  const std::vector<ScoringWorker*> judges = JudgesBy(model->package.manifest.name());
  for (size_t i = 0; i < judges.size(); ++i) {
    const absl::Status used = judges[i]->engine().Use(model, i);
    MR_CHECK(used.ok());  // as Check has said
  }
  return absl::OkStatus();
}

size_t ScoringWorkers::PredictorsFor(const std::string& name) const {
  return JudgesBy(name).size();
}

absl::Status ScoringWorkers::Relearn(RelearnOrder order) {
  for (const auto& worker : workers_) {
    if (!worker->engine().Watches(order.machine)) continue;
    worker->Relearn(std::move(order));
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat("machine '", order.machine, "': none is watched"));
}

int64_t ScoringWorkers::waiting() const {
  int64_t samples = 0;
  for (const auto& worker : workers_) samples += worker->queue().waiting();
  return samples;
}

ScoringTally ScoringWorkers::tally() const {
  ScoringTally tally;
  for (const auto& worker : workers_) tally.Add(worker->engine().tally());
  return tally;
}

int64_t ScoringWorkers::dropped() const {
  int64_t samples = 0;
  for (const auto& worker : workers_) samples += worker->queue().dropped();
  return samples;
}

}  // namespace millrace
