// SPDX-License-Identifier: Apache-2.0
// Runs and rounds as a coordinator would tell them.
#pragma once

#include <map>
#include <string>

#include "millrace/v1/admin.pb.h"

namespace millrace::testing {

inline constexpr int64_t kOpenedMs = 1767225600'000;  // 2026-01-01 00:00:00 UTC

inline v1::Round MakeRound(int64_t number, v1::TaskKind task, v1::RoundPhase phase) {
  v1::Round round;
  round.set_round(number);
  round.set_attempt(1);
  round.set_task(task);
  round.set_phase(phase);
  round.set_target(4);
  round.set_minimum(2);
  round.set_opened_ms(kOpenedMs);
  return round;
}

/// A training round that took 3.1 s, with four sites.
inline v1::Round CommittedRound(int64_t number) {
  v1::Round round = MakeRound(number, v1::TASK_KIND_TRAINING, v1::ROUND_PHASE_COMMITTED);
  for (const char* site : {"press-1", "press-2", "press-3", "press-4"}) round.add_received(site);
  round.set_ended_ms(kOpenedMs + 3100);
  auto& metrics = *round.mutable_metrics();
  metrics["train_loss"] = 0.01234;
  metrics["loss"] = 201.64;
  metrics["rmse"] = 14.2;
  return round;
}

inline v1::Run MakeRun(v1::RunPhase phase) {
  v1::Run run;
  run.set_id("turbofan-1");
  run.set_phase(phase);
  run.set_rounds(30);
  run.set_rounds_done(7);
  run.set_version(7);
  run.set_created_ms(kOpenedMs);
  if (phase != v1::RUN_PHASE_RUNNING) run.set_ended_ms(kOpenedMs + 303'000);
  return run;
}

}  // namespace millrace::testing
