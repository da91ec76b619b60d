// SPDX-License-Identifier: Apache-2.0
#include "client/operation/transfer_pace.h"

#include <algorithm>
#include <utility>

namespace millrace {

TransferPace::TransferPace(TransferRates rates, std::vector<HourlyRates> hours, absl::TimeZone zone)
    : rates_(rates), hours_(std::move(hours)), zone_(zone) {}

TransferRates TransferPace::RatesAt(absl::Time date) const {
  const auto found = std::ranges::find_if(
      hours_, [&](const HourlyRates& hours) { return hours.when.Contains(date, zone_); });
  return found == hours_.end() ? rates_ : found->rates;
}

absl::Duration TransferPace::Spend(Direction& direction, int64_t rate, int64_t bytes,
                                   absl::Time now) {
  if (rate == 0) return absl::ZeroDuration();
  if (!direction.bucket || direction.rate != rate) {
    const auto per_second = static_cast<double>(rate);
    direction = {rate, TokenBucket(per_second, per_second)};
  }
  return direction.bucket->Spend(static_cast<double>(bytes), now);
}

absl::Duration TransferPace::AfterSending(int64_t bytes, absl::Time date, absl::Time now) {
  const int64_t rate = RatesAt(date).up;
  absl::MutexLock lock(&mutex_);
  return Spend(up_, rate, bytes, now);
}

absl::Duration TransferPace::AfterReceiving(int64_t bytes, absl::Time date, absl::Time now) {
  const int64_t rate = RatesAt(date).down;
  absl::MutexLock lock(&mutex_);
  return Spend(down_, rate, bytes, now);
}

}  // namespace millrace
