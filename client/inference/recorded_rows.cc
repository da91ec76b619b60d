// SPDX-License-Identifier: Apache-2.0
#include "client/inference/recorded_rows.h"

#include <algorithm>
#include <cstdint>

#include "absl/time/clock.h"

namespace millrace {
namespace {

constexpr int64_t kBytesOfAValue = 5;  // on the disk, with its flag
constexpr int64_t kLeastRecordedBytes = int64_t{16} << 20;
constexpr int64_t kMostRecordedBytes = kMostRecordedValues * kBytesOfAValue;
constexpr int64_t kDayNs = int64_t{86'400} * 1'000'000'000;

int64_t BytesOf(int64_t values) {
  return std::clamp(std::min(values, kMostRecordedValues) * kBytesOfAValue, kLeastRecordedBytes,
                    kMostRecordedBytes);
}

}  // namespace

RecordedRows NewestRecorded(const StoreReader& store, const std::string& machine,
                            const RecordedPart& part) {
  return [&store, machine, part](const std::function<void(const StoredRows& rows)>& visit) {
    const int64_t end_ns = store.end_ns(absl::GetCurrentTimeNanos());
    int64_t from_ns = store.NewestWithin(BytesOf(part.values), {&machine, 1}, end_ns);
    if (part.days > 0) {
      from_ns =
          std::max(from_ns, std::max<int64_t>(store.newest_ns(end_ns), 0) - part.days * kDayNs);
    }
    if (part.after_ns >= from_ns && part.after_ns < end_ns) from_ns = part.after_ns + 1;
    store.Read(machine, from_ns, end_ns, visit);
  };
}

}  // namespace millrace
