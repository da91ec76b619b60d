// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "client/quality/verdict.h"

namespace millrace {

/// A finished row of a machine's grid and what validation says of it. Lives as long as the call.
struct MachineRow {
  size_t machine = 0;             // among all of the site's machines, in the configuration's order
  int64_t time_ns = 0;            // Unix time
  std::span<const float> values;  // [channels]; NaN: missing
  std::span<const Verdict> judged;                  // [channels]
  std::span<const std::optional<Verdict>> revised;  // [channels]: later verdicts on the row before
  bool restarted = false;                           // it does not continue the row before
};

/// Takes each row on the engine's thread, before a verdict on it.
using RowSink = std::function<void(const MachineRow& row)>;

}  // namespace millrace
