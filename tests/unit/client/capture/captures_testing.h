// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "client/capture/capture.h"
#include "tests/unit/client/store/stored_rows_testing.h"

namespace millrace::testing {

/// Called for at this second, with a window of four seconds before it and 20 s of rows around it.
inline Capture SomeCapture(int64_t second, double surprise = 1,
                           CaptureTrigger trigger = CaptureTrigger::kAlarm,
                           const std::string& machine = "pump-1") {
  Capture capture;
  capture.event.machine = machine;
  capture.event.trigger = trigger;
  capture.event.time_ns = second * kSecond;
  capture.event.window_ns = 4 * kSecond;
  capture.event.from_ns = (second - 10) * kSecond;
  capture.event.to_ns = (second + 10) * kSecond;
  capture.event.surprise = surprise;
  capture.event.reason = "score 3, threshold 1";
  capture.event.model = "pumps";
  capture.event.version = 7;
  capture.rows.push_back(SomeRows(machine, second - 10, 20));
  return capture;
}

}  // namespace millrace::testing
