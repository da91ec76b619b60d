// SPDX-License-Identifier: Apache-2.0
#include "client/recorder_metrics.h"

#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>

namespace millrace {

using prometheus::Gauge;

struct RecorderMetrics::Families {
  prometheus::Registry registry;

  prometheus::Family<Gauge>& AddFamily(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  }
  Gauge& Add(const char* name, const char* help) { return AddFamily(name, help).Add({}); }

  Gauge& complete = Add("millrace_recording_complete", "1 while the disk takes what comes.");
  Gauge& rows = Add("millrace_recorded_rows", "Rows that have come to the store.");
  Gauge& dropped = Add("millrace_recording_dropped_rows",
                       "Rows that have not, for want of room or a disk that takes them.");
  Gauge& bytes = Add("millrace_store_bytes", "Bytes of recordings, damaged ones included.");
  Gauge& segments = Add("millrace_store_segments", "Files of recordings.");
  Gauge& damaged = Add("millrace_store_damaged_segments", "Files that lie aside as damaged.");
  Gauge& removed = Add("millrace_store_removed_segments", "Files that had to go since the start.");
  Gauge& waiting = Add("millrace_captures_waiting", "Captures that wait for their last rows.");
  Gauge& lost = Add("millrace_captures_lost", "Captures that were called for and not taken.");
  Gauge& captured_bytes = Add("millrace_captured_bytes", "Bytes of values and flags captured.");
  prometheus::Family<Gauge>& taken =
      AddFamily("millrace_captures", "Captures taken since the start, by what called for them.");
  std::array<Gauge*, kCaptureTriggers> by_trigger;
};

RecorderMetrics::RecorderMetrics() : families_(std::make_unique<Families>()) {
  for (int i = 0; i < kCaptureTriggers; ++i) {
    const auto name = std::string(NameOf(static_cast<CaptureTrigger>(i)));
    families_->by_trigger[i] = &families_->taken.Add({{"trigger", name}});
  }
}

RecorderMetrics::~RecorderMetrics() = default;

void RecorderMetrics::Set(const RecorderReading& reading) {
  const auto set = [](Gauge& gauge, int64_t value) { gauge.Set(static_cast<double>(value)); };
  set(families_->complete, reading.complete ? 1 : 0);
  set(families_->rows, reading.rows);
  set(families_->dropped, reading.dropped_rows);
  set(families_->bytes, reading.store.bytes);
  set(families_->segments, reading.store.segments);
  set(families_->damaged, reading.store.damaged);
  set(families_->removed, reading.store.removed);
  set(families_->waiting, reading.captures_waiting);
  set(families_->lost, reading.captures.lost);
  set(families_->captured_bytes, reading.captures.bytes);
  for (int i = 0; i < kCaptureTriggers; ++i) {
    set(*families_->by_trigger[i], reading.captures.taken[i]);
  }
}

std::string RecorderMetrics::Text() const {
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

}  // namespace millrace
