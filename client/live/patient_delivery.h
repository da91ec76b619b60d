// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/steady_notification.h"
#include "client/live/source.h"
#include "client/live/source_record.h"

namespace millrace {

/// Recorded samples go on together until there are so many.
inline constexpr size_t kRecordedBatch = 4096;

/// Hands `samples` on once there is room for them; false if `stopped` came first.
bool DeliverPatiently(std::vector<Sample> samples, const SourceContext& context,
                      const SteadyNotification& stopped, SourceRecord& record);

}  // namespace millrace
