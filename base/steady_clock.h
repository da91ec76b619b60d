// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"

namespace millrace {

/// The machine's clock that nobody sets: what Now says goes on evenly, also while the machine
/// sleeps, whatever happens to the wall clock. Only differences mean something, and only within one
/// process. Never null, lives until the process ends.
///
/// Durations are measured with it: rates, patience, when to try again. What is written down, shown,
/// or compared with a certificate is of the wall clock.
Clock* SteadyClock();

}  // namespace millrace
