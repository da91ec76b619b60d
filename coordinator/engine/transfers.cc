// SPDX-License-Identifier: Apache-2.0
// The part of the engine that models go out by and updates come in.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregation/exact_sum.h"
#include "base/log.h"
#include "base/status.h"
#include "coordinator/engine/commit.h"
#include "coordinator/engine/engine.h"

namespace millrace {
namespace {

/// OK if `limbs` are what EncodeExact makes of `statistics`. Others can be decoded as well, but
/// their sum with honest ones need not, and one site's lie would cost everybody the round.
absl::Status CheckEncoding(const std::vector<float>& limbs, const std::vector<double>& statistics) {
  const absl::StatusOr<std::vector<float>> expected = EncodeExact(statistics);
  if (!expected.ok()) return absl::InvalidArgumentError(expected.status().message());
  const auto [wrong, right] = std::mismatch(limbs.begin(), limbs.end(), expected->begin());
  if (wrong == limbs.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("statistic ",
                                                 (wrong - limbs.begin()) / kExactLimbs, ": digit ",
                                                 *wrong, ", its encoding has ", *right));
}

}  // namespace

void Engine::Observe(const RunState& run, const Event& event) const {
  if (parts_.observer == nullptr) return;
  if (const auto* accepted = std::get_if<UpdateAccepted>(&event.body)) {
    parts_.observer->UpdateEnded(absl::OkStatus(), accepted->contribution.bytes);
  }
  const RoundState* const round = run.Current();
  const bool committed = std::holds_alternative<RoundCommitted>(event.body);
  const bool given_up = std::holds_alternative<RoundAbandoned>(event.body) ||
                        std::holds_alternative<RunEnded>(event.body);
  if (round != nullptr && (committed || given_up)) {
    parts_.observer->RoundEnded(committed,
                                std::max(absl::ZeroDuration(), event.time - round->opened));
  }
}

absl::StatusOr<Engine::UploadProgress> Engine::BeginUpload(const UpdateClaim& claim,
                                                           const Digest& digest) {
  absl::StatusOr<UploadProgress> progress = Begin(claim, digest);
  if (!progress.ok() && parts_.observer != nullptr) {
    parts_.observer->UpdateEnded(progress.status(), claim.bytes);
  }
  return progress;
}

absl::Status Engine::FinishUpload(const Upload& upload_of_claim) {
  const absl::Status status = CountIn(upload_of_claim);
  if (!status.ok() && parts_.observer != nullptr) {
    parts_.observer->UpdateEnded(status, upload_of_claim.claim().bytes);
  }
  return status;
}

absl::Status Engine::CheckDownload(const std::string& site, const RoundId& round,
                                   const Digest& digest) {
  absl::MutexLock lock(&mutex_);
  MR_ASSIGN_OR_RETURN(Run* const run, Find(round.run));
  const RoundState* current = run->state.Current();
  if (current == nullptr || current->id != round || !current->Invited(site)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "site ", site, ": download for ", ToString(round), ": no such assignment is open"));
  }
  if (current->model != digest) {
    return absl::NotFoundError(
        absl::StrCat("site ", site, ": model ", digest.Hex(), " is not ", ToString(round), "'s"));
  }
  return absl::OkStatus();
}

void Engine::CountDownload(const std::string& run_id, int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  if (absl::StatusOr<Run*> run = Find(run_id); run.ok()) (*run)->bytes_down += bytes;
  if (parts_.observer != nullptr) parts_.observer->Downloaded(bytes);
}

absl::Status Engine::IsWanted(const UpdateClaim& claim) {
  absl::MutexLock lock(&mutex_);
  MR_ASSIGN_OR_RETURN(const Run* const run, Find(claim.round.run));
  return CheckUpdate(run->state, run->architecture.layout, claim);
}

absl::StatusOr<Engine::UploadProgress> Engine::Begin(const UpdateClaim& announced,
                                                     const Digest& digest) {
  UpdateClaim claim = announced;
  {
    absl::MutexLock lock(&mutex_);
    MR_ASSIGN_OR_RETURN(const Run* const run, Find(claim.round.run));
    if (const RoundState* round = run->state.Current();
        round != nullptr && round->id == claim.round) {
      const auto accepted = round->contributions.find(claim.site);
      if (accepted != round->contributions.end() && accepted->second.digest == digest) {
        return UploadProgress{claim.bytes, true};
      }
      if (accepted != round->contributions.end()) {
        return absl::AlreadyExistsError(absl::StrCat("site ", claim.site, ": another update for ",
                                                     ToString(claim.round), " is in already (",
                                                     accepted->second.digest.Hex(), ")"));
      }
    }
    MR_RETURN_IF_ERROR(CheckUpdate(run->state, run->architecture.layout, claim));
    claim.masked = run->state.Current()->secure.has_value();
  }
  MR_RETURN_IF_ERROR(Annotate(
      CheckStorage(), absl::StrCat("site ", claim.site, ": update for ", ToString(claim.round))));
  MR_ASSIGN_OR_RETURN(const std::shared_ptr<Upload> upload, uploads_.Begin(claim, digest));
  // The round may have ended meanwhile and dropped its uploads: this one would stay for ever.
  if (const absl::Status wanted = IsWanted(claim); !wanted.ok()) {
    uploads_.Remove(claim.round, claim.site);
    return wanted;
  }
  return UploadProgress{upload->received(), false};
}

absl::StatusOr<std::shared_ptr<Upload>> Engine::FindUpload(const std::string& site,
                                                           const RoundId& round) {
  return uploads_.Find(round, site);
}

absl::Status Engine::CheckContent(Upload& upload) {
  Plan plan;
  UpdateShape shape;
  TaskKind task;
  {
    absl::MutexLock lock(&mutex_);
    MR_ASSIGN_OR_RETURN(const Run* const run, Find(upload.claim().round.run));
    plan = run->state.plan;
    task = TaskOfRound(plan, upload.claim().round.round);
    shape = ShapeOf(plan, task, run->architecture.layout);
  }
  MR_ASSIGN_OR_RETURN(const std::vector<float> limbs,
                      upload.ReadFloats(shape.parameters, shape.statistics));
  const std::vector<double> sums(limbs.begin(), limbs.end());
  MR_ASSIGN_OR_RETURN(const std::vector<double> statistics, DecodeExact(sums));
  MR_RETURN_IF_ERROR(CheckEncoding(limbs, statistics));
  MR_RETURN_IF_ERROR(CheckStatistics(plan, task, statistics));
  if (plan.update.clip_norm == 0) return absl::OkStatus();
  MR_ASSIGN_OR_RETURN(const double norm, upload.Norm(shape.parameters));
  return CheckNorm(plan.update, norm);
}

absl::Status Engine::CountIn(const Upload& announced) {
  const UpdateClaim& claim = announced.claim();
  MR_ASSIGN_OR_RETURN(const std::shared_ptr<Upload> upload, uploads_.Find(claim.round, claim.site));
  if (const absl::Status finished = upload->Finish(); !finished.ok()) {
    // What was discarded takes no more bytes: the site is to begin anew.
    if (upload->received() == 0) uploads_.Remove(claim.round, claim.site);
    return finished;
  }
  // Under masks nobody can look at one site's update.
  if (const absl::Status status = claim.masked ? absl::OkStatus() : CheckContent(*upload);
      !status.ok()) {
    if (absl::IsInvalidArgument(status)) uploads_.Remove(claim.round, claim.site);
    return Annotate(status,
                    absl::StrCat("site ", claim.site, ": update for ", ToString(claim.round)));
  }
  {
    absl::MutexLock lock(&mutex_);
    MR_ASSIGN_OR_RETURN(Run* const run, Find(claim.round.run));
    const RoundState* round = run->state.Current();
    if (round != nullptr && round->id == claim.round && round->contributions.contains(claim.site)) {
      return absl::OkStatus();
    }
    MR_RETURN_IF_ERROR(CheckUpdate(run->state, run->architecture.layout, claim));
    MR_RETURN_IF_ERROR(Record(
        *run, {Now(), UpdateAccepted{{claim.site, upload->digest(), claim.weight, claim.bytes}}}));
    if (const absl::Status status = Noted(sites_.CountUpdate(claim.site)); !status.ok()) {
      LogWarning("site record not written", {{"site", claim.site}, {"error", status.ToString()}});
    }
  }
  Changed();
  return absl::OkStatus();
}

}  // namespace millrace
