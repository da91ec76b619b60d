// SPDX-License-Identifier: Apache-2.0
#include "base/service_manager.h"

#include <systemd/sd-daemon.h>

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

constexpr int kKeepEnvironment = 0;

}  // namespace

void NotifyReady(absl::string_view status) {
  sd_notify(kKeepEnvironment, absl::StrCat("READY=1\nSTATUS=", status).c_str());
}

void NotifyStopping() { sd_notify(kKeepEnvironment, "STOPPING=1"); }

void NotifyAlive() { sd_notify(kKeepEnvironment, "WATCHDOG=1"); }

absl::Duration WatchdogPeriod() {
  uint64_t microseconds = 0;
  if (sd_watchdog_enabled(kKeepEnvironment, &microseconds) <= 0) return absl::InfiniteDuration();
  return absl::Microseconds(microseconds) / 2;
}

}  // namespace millrace
