// SPDX-License-Identifier: Apache-2.0
// What systemd wants to hear of a daemon (sd_notify(3)). Without it, each call does nothing.
#pragma once

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace millrace {

/// The daemon serves from now on; `status` is what `systemctl status` shows of it.
void NotifyReady(absl::string_view status);
/// It is about to end.
void NotifyStopping();
/// It is well: to be said at least once in WatchdogPeriod, or it is killed and started again.
void NotifyAlive();
/// Half of the unit's WatchdogSec; InfiniteDuration if there is none.
absl::Duration WatchdogPeriod();

}  // namespace millrace
