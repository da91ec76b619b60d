// SPDX-License-Identifier: Apache-2.0
#include "client/inference/scoring_worker.h"

#include <deque>
#include <utility>

#include "absl/time/time.h"

namespace millrace {
namespace {

constexpr absl::Duration kLongestWait = absl::Milliseconds(100);  // for samples
constexpr int64_t kSamplesAtATime = 4096;  // those of a flood keep no others waiting for long
constexpr int64_t kMaintainNs = kNsPerS;
constexpr int64_t kPauseNs = 400 * kNsPerS / 1000;
constexpr int64_t kTellLearntNs = 600 * kNsPerS;

/// Whether `period_ns` is over since `last_ns`, which it is set to then.
bool IsTime(int64_t now_ns, int64_t period_ns, int64_t& last_ns) {
  if (now_ns - last_ns < period_ns) return false;
  last_ns = now_ns;
  return true;
}

}  // namespace

ScoringWorker::ScoringWorker(MachineShare share, int64_t queue_samples, const ScoringSinks* sinks,
                             LiveClock* clock, JointHeartbeat* heart, size_t number)
    : machines_(std::move(share.machines)),
      sinks_(sinks),
      clock_(clock),
      heart_(heart),
      number_(number),
      queue_(queue_samples),
      engine_(std::move(share.kinds), clock, sinks->verdict, sinks->drift, SiteRows()) {}

ScoringWorker::~ScoringWorker() { Stop(); }

/// The engine counts its own machines, the rows' listener the site's.
RowSink ScoringWorker::SiteRows() const {
  if (!sinks_->row) return nullptr;
  return [this](MachineRow row) {
    row.machine = machines_[row.machine];
    sinks_->row(row);
  };
}

void ScoringWorker::Start() {
  thread_ = std::thread([this] { Run(); });
}

void ScoringWorker::Halt() {
  stopping_ = true;
  queue_.Close();
}

void ScoringWorker::Stop() {
  Halt();
  if (thread_.joinable()) thread_.join();
}

void ScoringWorker::Run() {
  int64_t maintained_ns = 0;
  int64_t paused_ns = 0;
  int64_t told_ns = clock_->MonotonicNs();
  while (true) {
    const std::deque<SampleBatch> batches = queue_.Take(kSamplesAtATime, kLongestWait);
    heart_->Beat(number_);
    for (const SampleBatch& batch : batches) {
      if (stopping_) break;
      engine_.Process(batch);
      heart_->Beat(number_);
    }
    engine_.ScoreDue();
    const int64_t now_ns = clock_->MonotonicNs();
    if (sinks_->pause && IsTime(now_ns, kPauseNs, paused_ns)) sinks_->pause(machines_);
    if (IsTime(now_ns, kMaintainNs, maintained_ns)) {
      engine_.Maintain();
      if (engine_.HasNewsOfModels()) TellLearnt();
      FollowOrders();
    }
    if (IsTime(now_ns, kTellLearntNs, told_ns)) TellLearnt();
    if (stopping_) break;
  }
  TellLearnt();
}

void ScoringWorker::Relearn(RelearnOrder order) {
  const absl::MutexLock lock(&mutex_);
  orders_.push_back(std::move(order));
}

void ScoringWorker::FollowOrders() {
  std::vector<RelearnOrder> orders;
  {
    const absl::MutexLock lock(&mutex_);
    orders.swap(orders_);
  }
  if (orders.empty()) return;
  for (const RelearnOrder& order : orders) engine_.Relearn(order);
  TellLearnt();
  if (!sinks_->relearnt) return;
  for (const RelearnOrder& order : orders) sinks_->relearnt(order);
}

void ScoringWorker::TellLearnt() const {
  if (sinks_->learnt) sinks_->learnt({engine_.LearntThresholds(), engine_.NotedDrift()});
}

}  // namespace millrace
