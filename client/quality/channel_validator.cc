// SPDX-License-Identifier: Apache-2.0
#include "client/quality/channel_validator.h"

#include <algorithm>
#include <cmath>

namespace millrace {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr double kNone = ChannelRules::kNone;
constexpr double kReferenceLimit = 10;  // offsets that one pair can be off at most

/// Steps of the grid that `seconds` take.
int64_t StepsOf(double seconds, double period_s) {
  constexpr double kRounding = 1e-6;
  const double steps = std::ceil(seconds / period_s - kRounding);
  return steps < 1e15 ? static_cast<int64_t>(steps) : kNever;
}

}  // namespace

/// Gathers what the rules say of one value.
class ChannelValidator::Findings {
 public:
  void Add(bool found, Verdict verdict) {
    evaluated_ = true;
    if (found) worst_ = Worst(worst_, verdict);
  }
  Verdict verdict() const {
    if (worst_.flag > Flag::kPass) return worst_;
    return evaluated_ ? worst_ : Verdict{};
  }

 private:
  Verdict worst_ = {Flag::kPass, Rule::kNone};
  bool evaluated_ = false;
};

ChannelValidator::ChannelValidator(const ChannelRules& rules, double period_s)
    : rules_(rules),
      period_s_(period_s),
      stuck_suspect_(StepsOf(rules.stuck_suspect_s, period_s)),
      stuck_fail_(StepsOf(rules.stuck_fail_s, period_s)),
      noise_steps_(StepsOf(rules.noise_s, period_s)),
      reference_steps_(StepsOf(rules.reference_s, period_s)),
      noise_(rules.noise_s / period_s),
      off_reference_(rules.reference_s / period_s) {}

ChannelValidator::Judged ChannelValidator::Push(float value, float reference) {
  ++base_age_;
  ++unpaired_;
  if (std::isnan(value)) return Lost({Flag::kMissing, Rule::kMissing});
  if (std::isinf(value)) return Lost({Flag::kFail, Rule::kNotFinite});
  if (value < rules_.min || value > rules_.max) return Lost({Flag::kFail, Rule::kRange});

  Judged judged;
  if (Findings spike; held_ && IsSpike(value, spike)) {
    if (spike.verdict().flag >= held_->verdict.flag) judged.before = spike.verdict();
  } else if (held_) {
    if (held_->verdict.flag == Flag::kNotEvaluated && spike.verdict().flag == Flag::kPass) {
      judged.before = spike.verdict();
    }
    Settle();
  }
  ForgetAfterGap();

  Findings findings;
  CheckSpan(value, findings);
  CheckStuck(value, findings);
  CheckRate(value, findings);
  CheckNoise(findings);
  CheckReference(findings);
  judged.value = findings.verdict();

  before_held_ = held_ ? std::optional(held_->value) : std::nullopt;
  held_ = Held{value, reference, judged.value};
  gap_ = 0;
  return judged;
}

/// There is no value that could be used: the one before stands as it is.
ChannelValidator::Judged ChannelValidator::Lost(Verdict verdict) {
  if (held_) Settle();
  held_.reset();
  before_held_.reset();
  ++gap_;
  return {verdict, std::nullopt};
}

/// QARTOD's test of the value held. One that lies off the middle of its neighbours because they
/// differ, at a step or beside a spike, is none: it has to stand out from both.
bool ChannelValidator::IsSpike(double next, Findings& findings) const {
  if (!before_held_ || (rules_.spike == kNone && rules_.spike_fail == kNone)) return false;
  const double from_before = held_->value - *before_held_;
  const double from_next = held_->value - next;
  const double off = std::abs(from_before + from_next) / 2;
  const bool stands_out = from_before * from_next > 0 &&
                          std::min(std::abs(from_before), std::abs(from_next)) >= off / 2;
  findings.Add(stands_out && off > rules_.spike, {Flag::kSuspect, Rule::kSpike});
  findings.Add(stands_out && off > rules_.spike_fail, {Flag::kFail, Rule::kSpike});
  return findings.verdict().flag > Flag::kPass;
}

/// The value held was no spike, as far as can be told: what comes is compared with it.
void ChannelValidator::Settle() {
  base_ = held_->value;
  base_age_ = 1;
  noise_.Add(held_->value);
  if (rules_.reference_offset == kNone || !std::isfinite(held_->reference)) return;
  // A single absurd pair must not fill the mean for hours.
  const double most = kReferenceLimit * rules_.reference_offset;
  const double off = held_->value - held_->reference - rules_.reference_difference;
  off_reference_.Add(std::clamp(off, -most, most));
  unpaired_ = 1;
}

void ChannelValidator::ForgetAfterGap() {
  if (gap_ > std::min(stuck_suspect_, stuck_fail_)) run_ = {};
  if (gap_ > noise_steps_) noise_.Reset();
  if (unpaired_ > reference_steps_) off_reference_.Reset();
}

void ChannelValidator::CheckSpan(double value, Findings& findings) const {
  if (rules_.min != -kNone || rules_.max != kNone) findings.Add(false, {});
  if (rules_.suspect_min == -kNone && rules_.suspect_max == kNone) return;
  findings.Add(value < rules_.suspect_min || value > rules_.suspect_max,
               {Flag::kSuspect, Rule::kSpan});
}

/// The time without values does not count: nobody knows what the channel did.
void ChannelValidator::CheckStuck(double value, Findings& findings) {
  if (std::min(stuck_suspect_, stuck_fail_) == kNever) return;
  const double min = std::min(run_.min, value);
  const double max = std::max(run_.max, value);
  if (run_.count > 0 && max - min <= rules_.stuck_tolerance) {
    run_ = {min, max, run_.count + 1};
  } else {
    run_ = {value, value, 1};
  }
  findings.Add(run_.count > stuck_suspect_, {Flag::kSuspect, Rule::kStuck});
  findings.Add(run_.count > stuck_fail_, {Flag::kFail, Rule::kStuck});
}

/// Across a gap the mean rate counts, which the rate has reached somewhere within it.
void ChannelValidator::CheckRate(double value, Findings& findings) const {
  if (rules_.rate_of_change == kNone || !base_) return;
  const double allowed = rules_.rate_of_change * static_cast<double>(base_age_) * period_s_;
  findings.Add(std::abs(value - *base_) > allowed, {Flag::kSuspect, Rule::kRateOfChange});
}

void ChannelValidator::CheckNoise(Findings& findings) const {
  if (!noise_.ready() || (rules_.noise_min == 0 && rules_.noise_max == kNone)) return;
  const double variance = noise_.variance();
  findings.Add(variance < rules_.noise_min * rules_.noise_min, {Flag::kSuspect, Rule::kNoiseLow});
  findings.Add(variance > rules_.noise_max * rules_.noise_max, {Flag::kSuspect, Rule::kNoiseHigh});
}

void ChannelValidator::CheckReference(Findings& findings) const {
  if (rules_.reference_offset == kNone || !off_reference_.ready()) return;
  findings.Add(std::abs(off_reference_.mean()) > rules_.reference_offset,
               {Flag::kSuspect, Rule::kReference});
}

}  // namespace millrace
