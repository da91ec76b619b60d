// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/run_proto.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/task_proto.h"

namespace millrace {
namespace {

v1::RunPhase ToProto(RunPhase phase) {
  switch (phase) {
    case RunPhase::kRunning:
      return v1::RUN_PHASE_RUNNING;
    case RunPhase::kFinished:
      return v1::RUN_PHASE_FINISHED;
    case RunPhase::kFailed:
      return v1::RUN_PHASE_FAILED;
    case RunPhase::kStopped:
      return v1::RUN_PHASE_STOPPED;
  }
  return v1::RUN_PHASE_UNSPECIFIED;
}

v1::RoundPhase ToProto(RoundPhase phase) {
  switch (phase) {
    case RoundPhase::kOpen:
      return v1::ROUND_PHASE_OPEN;
    case RoundPhase::kClosed:
      return v1::ROUND_PHASE_CLOSED;
    case RoundPhase::kCommitted:
      return v1::ROUND_PHASE_COMMITTED;
    case RoundPhase::kAbandoned:
      return v1::ROUND_PHASE_ABANDONED;
  }
  return v1::ROUND_PHASE_UNSPECIFIED;
}

int64_t Millis(absl::Time time) {
  return time == absl::InfiniteFuture() ? 0 : absl::ToUnixMillis(time);
}

v1::Round ToProto(const RoundState& round) {
  v1::Round proto;
  proto.set_round(round.id.round);
  proto.set_attempt(round.id.attempt);
  proto.set_task(ToProto(round.task));
  proto.set_phase(ToProto(round.phase));
  proto.mutable_cohort()->Assign(round.cohort.begin(), round.cohort.end());
  int64_t bytes_up = 0;
  for (const auto& [site, contribution] : round.contributions) {
    proto.add_received(site);
    bytes_up += contribution.bytes;
  }
  for (const auto& [site, reason] : round.failures) (*proto.mutable_failures())[site] = reason;
  proto.set_target(round.target);
  proto.set_minimum(round.minimum);
  proto.set_opened_ms(Millis(round.opened));
  proto.set_ended_ms(Millis(round.ended));
  for (const auto& [name, value] : round.metrics) (*proto.mutable_metrics())[name] = value;
  proto.set_note(round.note);
  proto.set_bytes_up(bytes_up);
  proto.set_bytes_down(round.bytes_down);
  if (round.secure && round.phase == RoundPhase::kOpen) {
    proto.set_secure_phase(std::string(Name(round.secure->phase)));
  }
  return proto;
}

}  // namespace

v1::Run ToProto(const RunState& run, bool history) {
  v1::Run proto;
  proto.set_id(run.id);
  proto.set_plan(run.plan_text);
  proto.set_phase(ToProto(run.phase));
  proto.set_rounds(run.plan.run.rounds);
  proto.set_rounds_done(run.Newest().version);
  proto.set_version(run.Newest().version);
  proto.set_created_ms(Millis(run.created));
  proto.set_ended_ms(Millis(run.ended));
  proto.set_note(run.note);
  proto.set_held_up(run.held_up);
  if (run.started_by) proto.set_started_by(ToString(*run.started_by));
  proto.set_secure_aggregation(std::string(Name(run.plan.secure.mode)));
  if (history) {
    for (const RoundState& round : run.rounds) *proto.add_history() = ToProto(round);
  }
  return proto;
}

v1::Model ToProto(const RunState& run, const ModelVersion& version) {
  v1::Model proto;
  proto.set_run(run.id);
  proto.set_version(version.version);
  proto.set_parameters_sha256(version.parameters.ToBytes());
  proto.set_sites(version.sites);
  proto.set_examples(version.examples);
  for (const auto& [name, value] : version.metrics) (*proto.mutable_metrics())[name] = value;
  proto.set_created_ms(Millis(version.created));
  return proto;
}

absl::StatusOr<ModelVersion> FindVersion(const RunState& run, int64_t version) {
  if (version == -1) return run.Newest();
  const auto found = std::find_if(run.versions.begin(), run.versions.end(),
                                  [&](const ModelVersion& v) { return v.version == version; });
  if (found != run.versions.end()) return *found;
  return absl::NotFoundError(absl::StrCat("run ", run.id, ": there is no version ", version,
                                          ", the newest is ", run.Newest().version));
}

}  // namespace millrace
