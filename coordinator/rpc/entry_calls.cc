// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/entry_calls.h"

#include "absl/strings/str_cat.h"
#include "base/retry_after.h"

namespace millrace {
namespace {

constexpr absl::Duration kComeAgain = absl::Seconds(2);

}  // namespace

EntryPlace::~EntryPlace() {
  absl::MutexLock lock(&calls_->mutex_);
  calls_->open_.erase(place_);
  if (counts_) --calls_->counted_;
}

void EntryPlace::SetDeadline(absl::Time deadline) {
  absl::MutexLock lock(&calls_->mutex_);
  deadline_ = deadline;
}

EntryCalls::EntryCalls(Clock* steady, const EntryLimits& limits)
    : steady_(steady), limits_(limits), rate_(limits.calls_per_s, limits.burst) {}

absl::StatusOr<std::unique_ptr<EntryPlace>> EntryCalls::Begin(grpc::CallbackServerContext* context,
                                                              bool has_certificate,
                                                              absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  if (!has_certificate && (counted_ >= limits_.calls || !rate_.Take(1, steady_->Now()))) {
    return WithRetryAfter(
        absl::ResourceExhaustedError(absl::StrCat(
            "too many calls without a certificate: at most ", limits_.calls, " at once and ",
            limits_.calls_per_s, " in a second, of all callers together")),
        kComeAgain);
  }
  if (!has_certificate) ++counted_;
  std::unique_ptr<EntryPlace> place(new EntryPlace(this, context, !has_certificate, deadline));
  place->place_ = open_.insert(open_.end(), place.get());
  return place;
}

void EntryCalls::EndLate() {
  const absl::Time now = steady_->Now();
  absl::MutexLock lock(&mutex_);
  for (EntryPlace* place : open_) {
    if (now < place->deadline_) continue;
    place->context_->TryCancel();
    place->deadline_ = absl::InfiniteFuture();  // once is enough
  }
}

}  // namespace millrace
