// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "client/quality/channel_rules.h"
#include "client/quality/rolling_moments.h"
#include "client/quality/verdict.h"

namespace millrace {

/// Judges one channel's values on a regular time grid. What it remembers skips what is missing,
/// failed or a spike; a gap longer than a rule looks back makes that rule begin anew. Constant time
/// and memory. Not thread-safe.
class ChannelValidator {
 public:
  struct Judged {
    /// On the value given: by every rule but that of spikes, which needs the next value.
    Verdict value;
    /// On the value before, where the rule of spikes has changed it: final.
    std::optional<Verdict> before;
  };

  /// `period_s` > 0: of the grid.
  ChannelValidator(const ChannelRules& rules, double period_s);

  /// The next value of the grid; NaN: missing. `reference`: of the reference channel at the same
  /// time; NaN where there is none or its own validation flagged it.
  Judged Push(float value, float reference = std::numeric_limits<float>::quiet_NaN());

 private:
  /// What has come last and still waits for its neighbour.
  struct Held {
    double value = 0;
    double reference = 0;
    Verdict verdict;
  };
  /// Of values that differ by no more than the tolerance.
  struct Run {
    double min = 0;
    double max = 0;
    int64_t count = 0;
  };
  class Findings;

  Judged Lost(Verdict verdict);
  bool IsSpike(double next, Findings& findings) const;
  void Settle();
  void ForgetAfterGap();
  void CheckSpan(double value, Findings& findings) const;
  void CheckStuck(double value, Findings& findings);
  void CheckRate(double value, Findings& findings) const;
  void CheckNoise(Findings& findings) const;
  void CheckReference(Findings& findings) const;

  ChannelRules rules_;
  double period_s_;
  // As counts of values; kNever for rules that are not asked for.
  int64_t stuck_suspect_;
  int64_t stuck_fail_;
  int64_t noise_steps_;
  int64_t reference_steps_;

  std::optional<Held> held_;
  std::optional<double> before_held_;  // the value one step before held_
  std::optional<double> base_;         // the last value that is settled: for the rate of change
  int64_t base_age_ = 0;               // steps since base_
  int64_t gap_ = 0;                    // steps since the last value that could be used
  int64_t unpaired_ = 0;               // steps since value and reference were both there
  Run run_;
  RollingMoments noise_;
  RollingMoments off_reference_;
};

}  // namespace millrace
