// SPDX-License-Identifier: Apache-2.0
#include "client/live/patient_delivery.h"

#include <utility>

#include "absl/time/time.h"

namespace millrace {

bool DeliverPatiently(std::vector<Sample> samples, const SourceContext& context,
                      const SteadyNotification& stopped, SourceRecord& record) {
  constexpr absl::Duration kLookUp = absl::Milliseconds(100);
  if (samples.empty()) return true;
  const auto count = static_cast<int64_t>(samples.size());
  do {
    if (stopped.HasBeenNotified()) return false;
  } while (!context.sink->AwaitRoom(samples, kLookUp));
  record.Delivered(count, context.clock->UnixNs());
  context.sink->Accept({context.clock->MonotonicNs(), std::move(samples)});
  return true;
}

}  // namespace millrace
