// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace millrace {

/// Has every wait of abseil's locks, and with them gRPC's timers, last as long as it was to when it
/// began, whatever is done to the machine's date meanwhile. abseil itself waits for a date: where
/// that is set back, no timer of gRPC's runs until it has come again, so that no call ends in time
/// and no lost connection is tried anew. It is so from the program's start; the call links it in.
void UseSteadyWaits();

}  // namespace millrace
