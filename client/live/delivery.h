// SPDX-License-Identifier: Apache-2.0
// How sources hand on what they have read.
#pragma once

#include <cstdint>
#include <vector>

#include "base/steady_notification.h"
#include "client/live/sample.h"
#include "client/live/source.h"
#include "client/live/source_record.h"

namespace millrace {

/// Recorded samples go on together until there are so many.
inline constexpr size_t kRecordedBatch = 4096;

/// Takes out of `samples` what lies more than a day ahead of the machine's clock, which is one
/// refusal in the record: some device's calendar is wrong, and what is stored or judged at such a
/// time hides what comes after. Nothing, where the site says that the data's time is any time.
void RefuseFuture(std::vector<Sample>& samples, const SourceContext& context, SourceRecord& record);

/// Hands `samples` on, in batches of kMostBatchSamples at most; never waits.
void Deliver(std::vector<Sample> samples, int64_t arrived_ns, const SourceContext& context,
             SourceRecord& record);

/// The same once there is room for them; false if `stopped` came first. `recorded`: as of a batch.
bool DeliverPatiently(std::vector<Sample> samples, bool recorded, const SourceContext& context,
                      const SteadyNotification& stopped, SourceRecord& record);

}  // namespace millrace
