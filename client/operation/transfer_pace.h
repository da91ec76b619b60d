// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/token_bucket.h"
#include "client/operation/weekly_window.h"

namespace millrace {

/// Bytes a second that a site's transfers may take of its link; 0: as many as it gives.
struct TransferRates {
  int64_t up = 0;
  int64_t down = 0;
};

/// Other rates at some hours.
struct HourlyRates {
  WeeklyWindow when;
  TransferRates rates;
};

/// Keeps a site's transfers to the rates of the hour. Thread-safe.
class TransferPace {
 public:
  /// The first of `hours` that contains the time counts, else `rates`.
  TransferPace(TransferRates rates, std::vector<HourlyRates> hours, absl::TimeZone zone);

  /// How long to wait after so many bytes. `date` says which rates count; `now`, of a clock that
  /// nobody sets, how much they have given.
  absl::Duration AfterSending(int64_t bytes, absl::Time date, absl::Time now);
  absl::Duration AfterReceiving(int64_t bytes, absl::Time date, absl::Time now);

 private:
  struct Direction {
    int64_t rate = 0;  // that the bucket is for
    std::optional<TokenBucket> bucket;
  };

  TransferRates RatesAt(absl::Time date) const;
  absl::Duration Spend(Direction& direction, int64_t rate, int64_t bytes, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TransferRates rates_;
  const std::vector<HourlyRates> hours_;
  const absl::TimeZone zone_;
  absl::Mutex mutex_;
  Direction up_ ABSL_GUARDED_BY(mutex_);
  Direction down_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
