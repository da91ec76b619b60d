// SPDX-License-Identifier: Apache-2.0
#include "client/session/session.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/retry_after.h"
#include "base/status.h"
#include "client/data/site_message.h"
#include "client/session/mask_update.h"
#include "client/session/unmask_record.h"

namespace millrace {
namespace {

// How long a site that has sent its update keeps its secrets for a coordinator that is away; those
// of one that is there know no such time, it says when a phase is over.
constexpr absl::Duration kOutage = absl::Minutes(10);

/// Faults of the link or of the other side's load, which pass; everything else is an answer.
bool IsFaultOfLink(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status) || absl::IsUnknown(status) || absl::IsInternal(status) ||
         absl::IsCancelled(status) || absl::IsAborted(status) || absl::IsDataLoss(status);
}

/// For the log.
std::string Whole(const absl::Status& status) {
  return status.ToString(absl::StatusToStringMode::kWithNoExtraData);
}

absl::StatusOr<Digest> ModelOf(const v1::Assignment& assignment) {
  Digest digest;
  if (assignment.model_sha256().size() != digest.bytes.size()) {
    return Public(absl::InvalidArgumentError(
        absl::StrCat(NameOf(assignment.id()), ": its model has no digest")));
  }
  std::copy(assignment.model_sha256().begin(), assignment.model_sha256().end(),
            digest.bytes.begin());
  return digest;
}

/// OK if the spool can hold the model, the update, and that once more before it is masked.
absl::Status CheckQuota(const v1::Assignment& assignment, int64_t quota) {
  constexpr int64_t kMegabyte = 1 << 20;
  const int64_t needed = 4 * (3 * assignment.parameters() + 2 * assignment.statistics());
  if (quota == 0 || needed <= quota) return absl::OkStatus();
  return Public(absl::ResourceExhaustedError(
      absl::StrCat(NameOf(assignment.id()), ": takes ", needed / kMegabyte + 1,
                   " MiB of the site's disk; it has [storage] quota_mb = ", quota / kMegabyte)));
}

}  // namespace

Session::Session(const SessionParts& parts, const SessionOptions& options)
    : parts_(parts), options_(options), random_(options.seed) {}

void Session::Run() {
  int failures = 0;
  while (!stopping_) {
    const absl::Status status = RunOnce();
    if (status.ok()) {
      failures = 0;
      continue;
    }
    if (stopping_) return;
    const absl::Duration wait = Patience(status, ++failures);
    LogWarning("session trouble, trying again", {{"error", Whole(status)},
                                                 {"in_ms", absl::ToInt64Milliseconds(wait)},
                                                 {"failures", failures}});
    Pause(wait);
  }
}

void Session::Stop() {
  stopping_ = true;
  parts_.link->Shutdown();
}

absl::Duration Session::Patience(const absl::Status& status, int failures) {
  // Those who were sent away together do not come back together either.
  const absl::Duration asked =
      RetryAfter(status).value_or(absl::ZeroDuration()) * (1 + 0.5 * random_.Uniform());
  return std::max(asked, Backoff(options_.backoff, failures, random_));
}

void Session::Pause(absl::Duration duration) {
  constexpr absl::Duration kSlice = absl::Milliseconds(100);  // so that Stop is heard
  for (; duration > absl::ZeroDuration() && !stopping_; duration -= kSlice) {
    parts_.heart->Beat();
    parts_.steady->Sleep(std::min(kSlice, duration));
  }
}

absl::Status Session::RunOnce() {
  parts_.heart->Beat();
  if (options_.before_check_in) options_.before_check_in();
  v1::CheckInRequest request;
  request.set_objection(parts_.availability->Objection(parts_.clock->Now()));
  if (request.objection().empty()) {
    request.set_wait_ms(absl::ToInt64Milliseconds(options_.check_in_wait));
  }
  request.set_version(options_.version);
  if (options_.serving) {
    for (v1::ServedModel& model : options_.serving()) *request.add_serving() = std::move(model);
  }
  if (options_.drift) {
    for (v1::ModelDrift& model : options_.drift()) *request.add_drift() = std::move(model);
  }
  MR_ASSIGN_OR_RETURN(const v1::CheckInResponse response, parts_.link->CheckIn(request));
  if (response.has_assignment()) return DoAssignment(response.assignment());
  const absl::Duration delay = request.objection().empty()
                                   ? absl::Milliseconds(response.come_back().delay_ms())
                                   : options_.object_every;
  Pause(delay * (0.5 + random_.Uniform()));
  return absl::OkStatus();
}

absl::Status Session::DoAssignment(const v1::Assignment& assignment) {
  const std::string name = NameOf(assignment.id());
  const absl::Time deadline = parts_.steady->Now() + absl::Milliseconds(assignment.remaining_ms());
  std::optional<v1::UploadHeader> header = parts_.spool->Update(assignment.id());
  std::optional<SecureSession> secure;
  absl::Duration unmasking;
  const absl::StatusOr<Plan> plan = ParsePlan(assignment.plan());
  if (!plan.ok()) return TellFailure(assignment.id(), Public(plan.status()));
  // Also of an update that is spooled in the clear: the site's configuration may be another since.
  if (const absl::Status enough = CheckMode(options_.floor, plan->secure); !enough.ok()) {
    LogWarning("assignment refused", {{"round", name}, {"error", Whole(enough)}});
    parts_.spool->DropUpdate();
    return TellFailure(assignment.id(), Public(enough));
  }
  // Masked ones say nothing of their weight. One in the clear does not leave under another plan.
  if (header && plan->secure.on() && header->weight() != 0) {
    parts_.spool->DropUpdate();
    header.reset();
  }
  if (!header) {
    LogInfo("assignment", {{"round", name}, {"remaining_ms", assignment.remaining_ms()}});
    if (const absl::Status fits = CheckQuota(assignment, options_.quota_bytes); !fits.ok()) {
      return TellFailure(assignment.id(), fits);
    }
    // It may be a while since the check-in began.
    const std::string objection = parts_.availability->Objection(parts_.clock->Now());
    if (!objection.empty()) {
      return TellFailure(assignment.id(), Public(absl::CancelledError(objection)));
    }
    if (plan->secure.on()) {
      unmasking = 2 * absl::Seconds(plan->secure.phase_s) + options_.check_in_wait + kOutage;
      secure.emplace(
          SecureParts{parts_.link, parts_.steady, parts_.identity, parts_.unmasked},
          [this](absl::string_view what, absl::Time until, const auto& step) {
            return Persist(what, until, step);
          },
          assignment, *plan, options_.floor);
    }
    absl::StatusOr<v1::UploadHeader> done =
        MakeUpdate(assignment, *plan, secure ? &*secure : nullptr, deadline);
    if (!done.ok()) {
      if (stopping_) return absl::OkStatus();
      LogWarning("assignment failed", {{"round", name}, {"error", Whole(done.status())}});
      parts_.spool->DropUpdate();
      return TellFailure(assignment.id(), done.status());
    }
    header = *std::move(done);
  }
  const absl::Status sent = Send(*header, deadline);
  if (stopping_) return absl::OkStatus();
  if (absl::IsDeadlineExceeded(sent)) {
    // Whoever cannot be reached has not said that the round is over: the next check-in will tell.
    LogInfo("update kept until the coordinator is back", {{"round", name}});
    return sent;
  }
  parts_.spool->DropUpdate();
  if (sent.ok()) {
    LogInfo("update accepted", {{"round", name}, {"bytes", header->bytes()}});
    if (!secure) return absl::OkStatus();
    const absl::Status finished = secure->Finish(deadline + unmasking);
    if (finished.ok() || stopping_) return absl::OkStatus();
    LogWarning("did not help to unmask", {{"round", name}, {"error", Whole(finished)}});
    return TellFailure(assignment.id(), Public(finished));
  }
  LogWarning("update dropped", {{"round", name}, {"error", Whole(sent)}});
  if (absl::IsFailedPrecondition(sent)) return absl::OkStatus();  // the round went on without it
  return TellFailure(assignment.id(), sent);
}

absl::Status Session::TellFailure(const v1::RoundId& round, const absl::Status& failure) {
  const absl::Status told = parts_.link->ReportFailure(round, PublicText(failure));
  // The round may have ended meanwhile: then nobody waits for this site.
  return absl::IsFailedPrecondition(told) ? absl::OkStatus() : told;
}

template <typename Step>
absl::Status Session::Persist(absl::string_view what, absl::Time deadline, const Step& step,
                              const int64_t* reached) {
  int64_t furthest = 0;
  for (int failures = 1;; ++failures) {
    parts_.heart->Beat();
    const absl::Status status = step();
    if (status.ok() || !IsFaultOfLink(status) || stopping_) return status;
    if (reached != nullptr && *reached > furthest) {
      furthest = *reached;
      failures = 1;
    }
    const absl::Duration wait = Patience(status, failures);
    if (parts_.steady->Now() + wait >= deadline) {
      return SiteMessage(what, ": not before the round's deadline: ", status)
          .ToStatus(absl::StatusCode::kDeadlineExceeded);
    }
    LogWarning("transfer trouble, trying again",
               {{"what", what}, {"error", Whole(status)}, {"failures", failures}});
    Pause(wait);
  }
}

absl::StatusOr<std::string> Session::FetchModel(const v1::Assignment& assignment,
                                                absl::Time deadline) {
  MR_ASSIGN_OR_RETURN(const Digest digest, ModelOf(assignment));
  if (std::optional<std::string> path = parts_.spool->Model(digest)) return *std::move(path);
  std::string path;
  int64_t reached = 0;
  const auto fetch = [&]() -> absl::Status {
    MR_ASSIGN_OR_RETURN(const auto file, parts_.spool->OpenPartialModel(digest));
    MR_ASSIGN_OR_RETURN(const int64_t offset, file->Size());
    MR_RETURN_IF_ERROR(
        parts_.link->Download(assignment.id(), digest, offset, file.get(), &reached));
    absl::StatusOr<std::string> kept = parts_.spool->KeepModel(digest);
    // The wrong bytes are gone: the next try begins at the first.
    if (absl::IsDataLoss(kept.status())) return absl::UnavailableError(kept.status().message());
    MR_ASSIGN_OR_RETURN(path, std::move(kept));
    return absl::OkStatus();
  };
  MR_RETURN_IF_ERROR(Persist("download", deadline, fetch, &reached));
  return path;
}

absl::StatusOr<v1::UploadHeader> Session::MakeUpdate(const v1::Assignment& assignment,
                                                     const Plan& plan, SecureSession* secure,
                                                     absl::Time deadline) {
  if (secure == nullptr) {
    MR_ASSIGN_OR_RETURN(const WorkResult result,
                        Work(assignment, parts_.spool->UpdatePath(), deadline));
    return parts_.spool->KeepUpdate(assignment, result.weight);
  }
  MR_RETURN_IF_ERROR(Public(secure->Join(deadline)));
  MR_ASSIGN_OR_RETURN(const WorkResult result,
                      Work(assignment, parts_.spool->ClearPath(), deadline));
  MR_ASSIGN_OR_RETURN(const MaskSet masks, secure->TakeMasks());
  const MaskedShape shape{assignment.parameters(), assignment.statistics(),
                          static_cast<int>(plan.secure.bits)};
  MR_RETURN_IF_ERROR(parts_.spool->Mask([&](File* clear, File* masked) {
    return MaskUpdate(plan, shape, result.weight, masks.masks(), clear, masked, parts_.heart);
  }));
  // The weight is inside, under the masks.
  return parts_.spool->KeepUpdate(assignment, 0);
}

absl::StatusOr<WorkResult> Session::Work(const v1::Assignment& assignment,
                                         const std::string& update_path, absl::Time deadline) {
  WorkOrder order;
  order.assignment = assignment;
  order.update_path = update_path;
  if (assignment.task() != v1::TASK_KIND_STATISTICS) {
    MR_ASSIGN_OR_RETURN(order.parameters_path, FetchModel(assignment, deadline));
  }
  absl::Time next_report = parts_.steady->Now();
  std::string objection;
  const auto on_progress = [&](const TrainingProgress& progress) {
    parts_.heart->Beat();
    const absl::Time now = parts_.steady->Now();
    if (now >= next_report) {
      objection = parts_.availability->Objection(parts_.clock->Now());
      if (!objection.empty()) return false;
      next_report = now + options_.report_every;
      v1::ReportRequest report;
      *report.mutable_round() = assignment.id();
      report.set_activity(v1::ACTIVITY_WORKING);
      report.set_epoch(progress.epoch);
      report.set_step(progress.step);
      report.set_loss(progress.loss);
      if (!parts_.link->Report(report)) return false;
    }
    return !stopping_ && now < deadline;
  };
  const absl::StatusOr<WorkResult> done = parts_.worker->Do(order, on_progress);
  if (!objection.empty()) return Public(absl::CancelledError(objection));
  if (absl::IsCancelled(done.status()) && !stopping_) {
    return Public(absl::DeadlineExceededError(
        "training was not done when the round ended; give it more time ([cohort] deadline_s) or "
        "less work ([training] epochs, max_steps)"));
  }
  return done;
}

absl::Status Session::Send(const v1::UploadHeader& header, absl::Time deadline) {
  int64_t reached = 0;
  const auto send = [&]() -> absl::Status {
    MR_ASSIGN_OR_RETURN(const v1::UploadState begun, parts_.link->BeginUpload(header));
    if (begun.accepted()) return absl::OkStatus();
    reached = begun.received_bytes();
    MR_ASSIGN_OR_RETURN(const auto file, parts_.spool->OpenUpdate());
    MR_ASSIGN_OR_RETURN(
        const v1::UploadState state,
        parts_.link->Append(header.round(), begun.received_bytes(), header.bytes(), file.get()));
    if (state.accepted()) return absl::OkStatus();
    return absl::UnavailableError(
        absl::StrCat("upload: ", state.received_bytes(), " of ", header.bytes(), " bytes are in"));
  };
  return Persist("upload", deadline, send, &reached);
}

}  // namespace millrace
