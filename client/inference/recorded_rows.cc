// SPDX-License-Identifier: Apache-2.0
#include "client/inference/recorded_rows.h"

#include <algorithm>
#include <cstdint>

#include "absl/time/clock.h"

namespace millrace {
namespace {

constexpr int64_t kMostRecordedBytes = int64_t{16} << 20;  // on the disk, of one machine
constexpr int64_t kDayNs = int64_t{86'400} * 1'000'000'000;

}  // namespace

RecordedRows NewestRecorded(const StoreReader& store, const std::string& machine, int64_t days) {
  return [&store, machine, days](const std::function<void(const StoredRows& rows)>& visit) {
    const int64_t end_ns = store.end_ns(absl::GetCurrentTimeNanos());
    int64_t from_ns = store.NewestWithin(kMostRecordedBytes, {&machine, 1}, end_ns);
    if (days > 0) {
      from_ns = std::max(from_ns, std::max<int64_t>(store.newest_ns(end_ns), 0) - days * kDayNs);
    }
    store.Read(machine, from_ns, end_ns, visit);
  };
}

}  // namespace millrace
