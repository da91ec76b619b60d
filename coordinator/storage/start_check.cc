// SPDX-License-Identifier: Apache-2.0
#include "coordinator/storage/start_check.h"

#include <algorithm>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "coordinator/round/replay.h"
#include "coordinator/storage/retention.h"
#include "coordinator/storage/start_plan.h"
#include "models/catalogue/architecture.h"

namespace millrace {
namespace {

absl::Status Unreadable(const absl::Status& status) {
  return absl::Status(
      status.code(),
      absl::StrCat(status.message(),
                   "; nothing was changed. Mend the disk or the file's rights and start again, or "
                   "move the file away, and the runs that need it are ended"));
}

/// Looks at every blob's length, and at the bytes of those in `suspects`. What cannot be read is
/// not taken for damaged: an error, so that no run ends for a disk that hangs or a file of another
/// user.
absl::StatusOr<std::map<Digest, bool>> FindBlobs(BlobStore* blobs,
                                                 const std::map<Digest, int64_t>& lengths,
                                                 const std::set<Digest>& suspects,
                                                 StartReport& report) {
  MR_ASSIGN_OR_RETURN(const std::vector<Digest> names, blobs->List());
  std::map<Digest, bool> found;
  for (const Digest& name : names) {
    const auto length = lengths.find(name);
    if (length == lengths.end()) {
      found[name] = true;  // nobody's, and to be removed
      continue;
    }
    const absl::StatusOr<std::unique_ptr<BlobReader>> reader = blobs->Open(name);
    if (!reader.ok()) return Unreadable(reader.status());
    bool whole = (*reader)->size() == length->second;
    if (whole && suspects.contains(name)) {
      ++report.verified;
      const absl::StatusOr<Digest> digest = DigestOf(**reader);
      if (!digest.ok()) return Unreadable(digest.status());
      whole = *digest == name;
    }
    found[name] = whole;
  }
  report.blobs = std::ssize(found);
  return found;
}

absl::StatusOr<StorageFindings> LookAround(BlobStore* blobs, UploadArea* uploads,
                                           std::span<const RunState> runs,
                                           const StartCheckOptions& options, StartReport& report) {
  std::map<Digest, int64_t> lengths;  // of the kept blobs
  std::set<Digest> suspects;
  for (const RunState& run : runs) {
    MR_ASSIGN_OR_RETURN(const Architecture architecture, BuildArchitecture(run.plan));
    const int64_t bytes = architecture.layout.size() * static_cast<int64_t>(sizeof(float));
    for (const Digest& digest : KeptBlobs(run, options.keep_versions)) lengths[digest] = bytes;
    if (options.whole) suspects.merge(KeptBlobs(run, options.keep_versions));
    if (run.phase == RunPhase::kRunning) suspects.merge(VitalBlobs(run));
  }
  StorageFindings findings;
  MR_ASSIGN_OR_RETURN(findings.blobs, FindBlobs(blobs, lengths, suspects, report));
  MR_ASSIGN_OR_RETURN(findings.staged, uploads->List());
  for (const RunState& run : runs) {
    const RoundState* const round = run.Current();
    if (round == nullptr) continue;
    for (const auto& [site, contribution] : round->contributions) {
      const UploadKey key{run.id, round->id.round, round->id.attempt, site};
      if (uploads->HasWhole(key, contribution.bytes)) findings.updates[round->id].insert(site);
    }
  }
  return findings;
}

/// What cannot be cleaned up now, on a full or failing disk, is found again at the next start.
void Log(absl::string_view done, const absl::Status& status, absl::string_view what) {
  if (status.ok()) {
    LogInfo(done, {{"what", what}});
  } else {
    LogWarning("storage not repaired", {{"what", what}, {"error", status.ToString()}});
  }
}

void CleanUp(const StartSteps& plan, BlobStore* blobs, UploadArea* uploads, StartReport& report) {
  for (const Digest& digest : plan.remove) {
    const absl::Status removed = blobs->Remove(digest);
    Log("blob removed that no run refers to", removed, digest.Hex());
    report.removed += removed.ok() ? 1 : 0;
  }
  for (const StagedRound& staged : plan.discard) {
    const absl::Status discarded = uploads->DiscardRound(staged.run, staged.round, staged.attempt);
    Log("updates discarded of a round that is over", discarded,
        ToString(RoundId{staged.run, staged.round, static_cast<int32_t>(staged.attempt)}));
    report.discarded += discarded.ok() ? 1 : 0;
  }
  for (const std::string& run : plan.over) uploads->RemoveRun(run);
}

void ShrinkQuarantine(const StartSteps& plan, int64_t max_bytes, BlobStore* blobs,
                      StartReport& report) {
  const absl::StatusOr<std::vector<QuarantinedBlob>> damaged = blobs->ListQuarantine();
  if (!damaged.ok()) {
    Log("quarantine listed", damaged.status(), "quarantine");
    return;
  }
  for (const QuarantinedBlob& blob : QuarantineToDrop(*damaged, plan.quarantine, max_bytes)) {
    const absl::Status removed = blobs->RemoveQuarantined(blob.digest);
    Log("damaged blob dropped, beyond [storage] quarantine_mb", removed,
        absl::StrCat(blob.digest.Hex(), ", ", blob.bytes, " bytes"));
    report.dropped += removed.ok() ? 1 : 0;
  }
}

}  // namespace

absl::StatusOr<StartReport> CheckAtStart(Store* store, BlobStore* blobs, UploadArea* uploads,
                                         const StartCheckOptions& options) {
  MR_ASSIGN_OR_RETURN(const std::vector<StoredRun> stored, store->LoadRuns());
  std::vector<RunState> runs;
  for (const StoredRun& record : stored) {
    MR_ASSIGN_OR_RETURN(RunState run, Replay(record.id, record.events));
    runs.push_back(std::move(run));
  }
  StartReport report;
  report.runs = std::ssize(runs);
  MR_ASSIGN_OR_RETURN(const StorageFindings findings,
                      LookAround(blobs, uploads, runs, options, report));
  const StartSteps plan = PlanStart(runs, findings, options.keep_versions);

  for (const Digest& digest : plan.quarantine) {
    MR_RETURN_IF_ERROR(blobs->Quarantine(digest));
    LogError("damaged blob moved to quarantine", {{"blob", digest.Hex()}});
    ++report.quarantined;
  }
  for (const StartSteps::Failure& failure : plan.fail) {
    const Event event{options.now, RunEnded{RunPhase::kFailed, failure.reason}};
    const auto run = std::ranges::find(runs, failure.run, &RunState::id);
    MR_RETURN_IF_ERROR(store->Append(failure.run, run->events, std::span(&event, 1)));
    LogError("run failed", {{"run", failure.run}, {"note", failure.reason}});
    ++report.failed;
  }
  for (const std::string& loss : plan.losses) LogError("storage has lost", {{"what", loss}});
  report.losses = std::ssize(plan.losses);
  CleanUp(plan, blobs, uploads, report);
  ShrinkQuarantine(plan, options.quarantine_bytes, blobs, report);
  LogInfo("storage checked", {{"runs", report.runs},
                              {"blobs", report.blobs},
                              {"verified", report.verified},
                              {"removed", report.removed},
                              {"quarantined", report.quarantined},
                              {"dropped", report.dropped},
                              {"rounds_discarded", report.discarded},
                              {"runs_failed", report.failed},
                              {"losses", report.losses}});
  return report;
}

}  // namespace millrace
