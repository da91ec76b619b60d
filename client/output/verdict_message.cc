// SPDX-License-Identifier: Apache-2.0
#include "client/output/verdict_message.h"

#include <cmath>

#include "base/text.h"

namespace millrace {
namespace {

v1::Judgement JudgementOf(Judgement judgement) {
  switch (judgement) {
    case Judgement::kNotEvaluated:
      return v1::JUDGEMENT_NOT_EVALUATED;
    case Judgement::kNormal:
      return v1::JUDGEMENT_NORMAL;
    case Judgement::kAlarm:
      return v1::JUDGEMENT_ALARM;
  }
  return v1::JUDGEMENT_UNSPECIFIED;
}

/// Their numbers are QARTOD's on both sides.
v1::Quality QualityOf(Flag flag) { return static_cast<v1::Quality>(flag); }

/// Names come from the site's file and may hold anything; protobuf's strings are UTF-8.
std::string Utf8Text(const std::string& text) { return Utf8(text, text.size()); }

}  // namespace

v1::Verdict ToMessage(const MachineVerdict& verdict) {
  v1::Verdict message;
  message.set_machine(verdict.machine);
  message.set_time_ns(verdict.time_ns);
  message.set_judgement(JudgementOf(verdict.judgement));
  message.set_reason(Utf8Text(verdict.reason));
  message.set_model(verdict.model);
  message.set_version(verdict.version);
  if (verdict.digest != Digest{}) message.set_sha256(verdict.digest.ToBytes());
  message.set_model_expired(verdict.expired);
  if (std::isfinite(verdict.score)) {
    message.set_score(verdict.score);
    message.set_task(std::string(Name(verdict.task)));
  }
  if (verdict.predicted >= 0) message.set_class_(verdict.predicted);
  if (verdict.threshold) message.set_threshold(*verdict.threshold);
  message.set_quality(QualityOf(verdict.quality));
  for (const FlaggedChannel& channel : verdict.flagged) {
    v1::Verdict::Flagged& flagged = *message.add_flagged();
    flagged.set_channel(Utf8Text(channel.name));
    flagged.set_flag(QualityOf(channel.worst.flag));
    flagged.set_rule(std::string(NameOf(channel.worst.rule)));
    flagged.set_share(channel.share);
  }
  for (const ChannelShare& part : verdict.shares) {
    v1::Verdict::Share& share = *message.add_shares();
    share.set_channel(Utf8Text(part.channel));
    share.set_share(part.share);
  }
  if (!verdict.shares.empty()) message.set_shares_time_ns(verdict.explained_ns);
  message.set_completeness_gap(verdict.completeness_gap);
  message.set_latency_ns(verdict.latency_ns);
  return message;
}

v1::MachineState ToMessage(const MachineStatus& status) {
  v1::MachineState message;
  message.set_machine(status.machine);
  if (status.verdict) *message.mutable_verdict() = ToMessage(*status.verdict);
  message.set_age_ns(status.age_ns);
  message.set_alive(status.alive);
  message.set_heartbeat(status.heartbeat);
  if (status.last_alarm) *message.mutable_last_alarm() = ToMessage(*status.last_alarm);
  return message;
}

}  // namespace millrace
