// SPDX-License-Identifier: Apache-2.0
#include "client/output/verdict_watch.h"

#include <utility>

namespace millrace {

VerdictWatch::VerdictWatch(WatchRoom* room, grpc::CallbackServerContext* context,
                           std::set<std::string> machines)
    : room_(room), context_(context), machines_(std::move(machines)) {
  // From here on nothing is missed, and the caller may know. It goes out once gRPC has the reactor.
  StartSendInitialMetadata();
  room_->Enter(this);
}

bool VerdictWatch::Offer(const std::shared_ptr<const v1::Verdict>& verdict) {
  if (!machines_.empty() && !machines_.contains(verdict->machine())) return true;
  const absl::MutexLock lock(&mutex_);
  if (finished_) return true;
  if (waiting_.size() == WatchRoom::kMostBehind) return false;
  waiting_.push_back(verdict);
  if (writing_) return true;
  writing_ = true;
  StartWrite(waiting_.front().get());
  return true;
}

void VerdictWatch::OnWriteDone(bool ok) {
  const absl::MutexLock lock(&mutex_);
  writing_ = false;
  waiting_.pop_front();
  if (!ok || finished_ || waiting_.empty()) return;  // OnCancel follows where it is not ok
  writing_ = true;
  StartWrite(waiting_.front().get());
}

void VerdictWatch::OnCancel() {
  {
    const absl::MutexLock lock(&mutex_);
    finished_ = true;
  }
  Finish({grpc::StatusCode::CANCELLED, "the watch has ended"});
}

void VerdictWatch::OnDone() {
  room_->Leave(this);
  delete this;
}

bool WatchRoom::Reserve() {
  const absl::MutexLock lock(&mutex_);
  if (reserved_ == kMostWatches) return false;
  ++reserved_;
  return true;
}

void WatchRoom::Enter(VerdictWatch* watch) {
  const absl::MutexLock lock(&mutex_);
  watches_.insert(watch);
}

void WatchRoom::Leave(VerdictWatch* watch) {
  const absl::MutexLock lock(&mutex_);
  watches_.erase(watch);
  --reserved_;
}

int64_t WatchRoom::Tell(const std::shared_ptr<const v1::Verdict>& verdict) {
  const absl::MutexLock lock(&mutex_);
  int64_t cut_off = 0;
  for (VerdictWatch* const watch : watches_) {
    if (watch->Offer(verdict)) continue;
    watch->HangUp();
    ++cut_off;
  }
  return cut_off;
}

int64_t WatchRoom::size() const {
  const absl::MutexLock lock(&mutex_);
  return static_cast<int64_t>(watches_.size());
}

}  // namespace millrace
