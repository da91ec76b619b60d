// SPDX-License-Identifier: Apache-2.0
#include "client/release/time_limits.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "client/inference/installed_model.h"
#include "client/inference/machine_shares.h"

namespace millrace {
namespace {

constexpr double kQuickNs = 100'000;  // a window as quick as this is never too slow beside another
constexpr double kNsPerMsOfBudget = 1e6;
constexpr double kNsPerSecondDue = 1e9;

/// Rows between two verdicts on such a machine.
int64_t HopOf(const MachineConfig& machine, const ModelPackage& package) {
  return machine.hop > 0 ? machine.hop : package.plan.input.window;
}

std::string Us(double ns) { return absl::StrCat(std::lround(ns / 1000), " us"); }

std::string WindowsText(int64_t windows) {
  return windows == 1 ? "it" : absl::StrCat(windows, " that are scored together");
}

}  // namespace

InstallLimits InstallLimitsOf(const ServingDemands& demands, const ModelPackage& package) {
  InstallLimits limits;
  limits.batch_ns = demands.budget_p99_ms * kNsPerMsOfBudget;
  double due_per_s = 0;  // on the thread that has the most
  for (const MachineShare& share : DealMachines(demands.machines, demands.workers)) {
    double due_of_share = 0;
    for (const MachineConfig& kind : share.kinds) {
      if (kind.model != package.manifest.name()) continue;
      const auto machines = static_cast<int64_t>(kind.names.size());
      limits.batch = std::max(limits.batch, std::min(machines, kMostWindowsTogether));
      due_of_share +=
          static_cast<double>(machines) * kind.rate_hz / static_cast<double>(HopOf(kind, package));
    }
    due_per_s = std::max(due_per_s, due_of_share);
  }
  if (due_per_s > 0) limits.due_ns = kNsPerSecondDue / due_per_s;
  return limits;
}

double TooSlowNs(double one_ns, const InstallLimits& limits) {
  return std::max(kQuickNs, limits.slower * one_ns);
}

absl::Status CheckTimes(const WindowTimes& times, const InstallLimits& limits,
                        const FormerModel& former) {
  const double batch_share_ns = times.batch_ns / static_cast<double>(limits.batch);
  const bool slower = former.one_ns > 0 && times.one_ns > TooSlowNs(former.one_ns, limits);
  const bool late = limits.batch_ns > 0 && times.batch_ns > limits.batch_ns;
  const bool behind = limits.due_ns > 0 && batch_share_ns > limits.due_ns;
  if (!slower && !late && !behind) return absl::OkStatus();
  std::string text = absl::StrCat("it is too slow: a window takes ", Us(times.one_ns));
  if (former.one_ns > 0) {
    absl::StrAppend(&text, ", ", Us(TooSlowNs(former.one_ns, limits)),
                    " are allowed beside version ", former.version, ", which takes ",
                    Us(former.one_ns));
  }
  if (limits.batch_ns > 0) {
    absl::StrAppend(&text, "; ", WindowsText(limits.batch),
                    limits.batch == 1 ? " takes " : " take ", Us(times.batch_ns), " of the ",
                    Us(limits.batch_ns), " of [serving] budget_p99_ms");
  }
  if (limits.due_ns > 0) {
    absl::StrAppend(&text, "; one comes due every ", Us(limits.due_ns), " and takes ",
                    Us(batch_share_ns));
  }
  absl::StrAppend(&text, "; have a smaller model trained");
  if (late) absl::StrAppend(&text, ", or raise [serving] budget_p99_ms");
  if (behind) absl::StrAppend(&text, ", or give it fewer machines or a longer [[machine]] hop");
  return absl::FailedPreconditionError(text);
}

absl::Status CheckFreshness(const ServingDemands& demands, const ModelPackage& package) {
  for (const MachineConfig& machine : demands.machines) {
    if (machine.model != package.manifest.name() || demands.fresh_s == 0) continue;
    const int64_t hop = HopOf(machine, package);
    const double between_s = static_cast<double>(hop) / machine.rate_hz;
    const double fresh_s = machine.FreshS(demands.fresh_s);
    if (between_s <= fresh_s) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "on machine '", machine.names.empty() ? "" : machine.names.front(), "' ", between_s,
        " s lie between two verdicts (", hop, " rows at ", machine.rate_hz, " Hz), and ",
        machine.fresh_s > 0 ? "[[machine]]" : "[heartbeat]", " fresh_s is ", fresh_s,
        ": between them they would count as stale, and no heart would beat; set [[machine]] "
        "fresh_s to at least ",
        between_s, ", or hop to at most ",
        std::max<int64_t>(1, static_cast<int64_t>(fresh_s * machine.rate_hz))));
  }
  return absl::OkStatus();
}

}  // namespace millrace
