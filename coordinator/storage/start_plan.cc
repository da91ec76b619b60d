// SPDX-License-Identifier: Apache-2.0
#include "coordinator/storage/start_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "coordinator/storage/retention.h"

namespace millrace {
namespace {

enum class Condition { kWhole, kDamaged, kMissing };

Condition ConditionOf(const StorageFindings& findings, const Digest& digest) {
  const auto found = findings.blobs.find(digest);
  if (found == findings.blobs.end()) return Condition::kMissing;
  return found->second ? Condition::kWhole : Condition::kDamaged;
}

std::string Describe(Condition condition, const Digest& digest) {
  return absl::StrCat(condition == Condition::kMissing ? "is missing" : "is damaged", " on disk (",
                      digest.Hex(), ")");
}

const RunState* FindRun(std::span<const RunState> runs, const std::string& id) {
  for (const RunState& run : runs) {
    if (run.id == id) return &run;
  }
  return nullptr;
}

/// Older versions may have been let go by a smaller keep_versions, so only damage is a loss.
void PlanVersions(const RunState& run, const StorageFindings& findings, int64_t keep_versions,
                  StartSteps& plan) {
  const std::set<Digest> vital = VitalBlobs(run);
  for (const Digest& digest : vital) {
    const Condition condition = ConditionOf(findings, digest);
    if (condition == Condition::kWhole) continue;
    const std::string what = absl::StrCat(
        digest == run.Newest().parameters ? "version " : "the optimiser's state of version ",
        run.Newest().version, " ", Describe(condition, digest));
    if (run.phase == RunPhase::kRunning) {
      plan.fail.push_back({run.id, absl::StrCat(what, "; a backup may have it: millrace restore")});
      break;
    }
    plan.losses.push_back(absl::StrCat("run ", run.id, ": ", what));
  }
  for (const ModelVersion* version : KeptVersions(run, keep_versions)) {
    if (vital.contains(version->parameters)) continue;
    if (ConditionOf(findings, version->parameters) != Condition::kDamaged) continue;
    plan.losses.push_back(absl::StrCat("run ", run.id, ": version ", version->version, " ",
                                       Describe(Condition::kDamaged, version->parameters)));
  }
}

}  // namespace

StartSteps PlanStart(std::span<const RunState> runs, const StorageFindings& findings,
                     int64_t keep_versions) {
  StartSteps plan;
  std::set<Digest> kept;
  for (const RunState& run : runs) {
    kept.merge(KeptBlobs(run, keep_versions));
    PlanVersions(run, findings, keep_versions, plan);
    const RoundState* const round = run.Current();
    if (round == nullptr) continue;
    const auto updates = findings.updates.find(round->id);
    for (const auto& [site, contribution] : round->contributions) {
      if (updates != findings.updates.end() && updates->second.contains(site)) continue;
      plan.losses.push_back(absl::StrCat("site ", site, ": its update for ", ToString(round->id),
                                         " is missing on disk; the round will be tried again"));
    }
  }
  for (const auto& [digest, whole] : findings.blobs) {
    if (!kept.contains(digest)) {
      plan.remove.push_back(digest);
    } else if (!whole) {
      plan.quarantine.push_back(digest);
    }
  }
  std::set<std::string> over;
  for (const StagedRound& staged : findings.staged) {
    const RunState* const run = FindRun(runs, staged.run);
    const RoundState* const round = run == nullptr ? nullptr : run->Current();
    if (round == nullptr) over.insert(staged.run);
    const bool open =
        round != nullptr && round->id.round == staged.round && round->id.attempt == staged.attempt;
    if (!open) plan.discard.push_back(staged);
  }
  plan.over.assign(over.begin(), over.end());
  return plan;
}

std::vector<QuarantinedBlob> QuarantineToDrop(std::span<const QuarantinedBlob> damaged,
                                              std::span<const Digest> found_now,
                                              int64_t max_bytes) {
  int64_t total = 0;
  for (const QuarantinedBlob& blob : damaged) total += blob.bytes;
  std::vector<QuarantinedBlob> dropped;
  for (const QuarantinedBlob& blob : damaged) {
    if (total <= max_bytes) break;
    if (std::ranges::find(found_now, blob.digest) != found_now.end()) continue;
    total -= blob.bytes;
    dropped.push_back(blob);
  }
  return dropped;
}

}  // namespace millrace
