// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "client/capture/capture_keeper.h"
#include "client/store/sample_store.h"

namespace millrace {

/// How the recording goes.
struct RecorderReading {
  bool complete = true;      // the disk takes what comes
  int64_t rows = 0;          // that came to the disk
  int64_t dropped_rows = 0;  // that did not, or were lost there
  SampleStore::Totals store;
  CaptureCounts captures;
  int64_t captures_waiting = 0;  // for their rows
};

/// Writes it in Prometheus' text format. Thread-safe.
class RecorderMetrics {
 public:
  RecorderMetrics();
  ~RecorderMetrics();

  void Set(const RecorderReading& reading);
  std::string Text() const;

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
};

}  // namespace millrace
