// SPDX-License-Identifier: Apache-2.0
// The part of the engine that takes the messages of secure rounds.

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "coordinator/engine/engine.h"

namespace millrace {

absl::Status Engine::LoadSecure(Run& run) {
  const RoundState* const round = run.state.Current();
  if (round == nullptr || !round->secure) return absl::OkStatus();
  if (run.secure != nullptr && run.secure->id() == round->id) return absl::OkStatus();
  MR_ASSIGN_OR_RETURN(std::vector<StoredMessage> messages,
                      parts_.store->LoadMessages(run.state.id));
  messages.insert(messages.end(), run.pending_messages.begin(), run.pending_messages.end());
  MR_ASSIGN_OR_RETURN(run.secure,
                      SecureRound::Create(options_.federation, run.state, *round, messages));
  return absl::OkStatus();
}

absl::StatusOr<Engine::SecureCall> Engine::FindSecure(const std::string& site,
                                                      const RoundId& round) {
  MR_ASSIGN_OR_RETURN(Run* const run, Find(round.run));
  const RoundState* const current = run->state.Current();
  if (current == nullptr || current->id != round || current->phase != RoundPhase::kOpen ||
      !current->secure) {
    return absl::FailedPreconditionError(
        absl::StrCat("site ", site, ": ", ToString(round), ": is not in its secure phases"));
  }
  MR_RETURN_IF_ERROR(LoadSecure(*run));
  return SecureCall{run, current, run->secure.get()};
}

absl::StatusOr<bool> Engine::TakeMessage(const SecureCall& call, SecurePhase phase,
                                         const std::string& site,
                                         const std::function<absl::StatusOr<std::string>()>& take) {
  const SecureProgress& progress = *call.round->secure;
  const auto done = progress.done.find(phase);
  if (done != progress.done.end() && done->second.contains(site)) {
    MR_RETURN_IF_ERROR(take().status());  // the same message again, or another one
    return false;
  }
  if (progress.phase != phase) {
    return absl::FailedPreconditionError(
        absl::StrCat("site ", site, ": ", ToString(call.round->id), ": is in the phase ",
                     std::string(Name(progress.phase)), ", not in ", std::string(Name(phase))));
  }
  const Event event{Now(), SiteAdvanced{site}};
  MR_RETURN_IF_ERROR(CanApply(call.run->state, event));
  MR_ASSIGN_OR_RETURN(std::string bytes, take());
  Apply(call.run->state, event);
  call.run->pending.push_back(event);
  call.run->pending_messages.push_back({call.round->id, phase, site, std::move(bytes)});
  return true;
}

Event Engine::ClosePhase(Run& run, const Event& closed) {
  absl::Status status = LoadSecure(run);
  if (status.ok()) status = run.secure->ClosePhase(*run.state.Current());
  return status.ok() ? closed : AbandonOrFail(run.state, status.message(), closed.time);
}

absl::StatusOr<std::optional<std::vector<v1::Advertisement>>> Engine::Advertise(
    const std::string& site, const RoundId& round, const v1::Advertisement& advertisement,
    const std::string& certificate) {
  bool changed = false;
  std::optional<std::vector<v1::Advertisement>> cohort;
  {
    absl::MutexLock lock(&mutex_);
    MR_ASSIGN_OR_RETURN(const SecureCall call, FindSecure(site, round));
    MR_ASSIGN_OR_RETURN(changed, TakeMessage(call, SecurePhase::kAdvertise, site, [&] {
                          return call.secure->TakeAdvertisement(site, advertisement, certificate);
                        }));
    if (call.round->secure->phase > SecurePhase::kAdvertise) {
      cohort = call.secure->server().cohort();
    }
  }
  if (changed) Changed();
  return cohort;
}

absl::StatusOr<std::vector<std::string>> Engine::Certificates(
    const std::string& site, const RoundId& round, const std::vector<std::string>& fingerprints) {
  absl::MutexLock lock(&mutex_);
  MR_ASSIGN_OR_RETURN(const SecureCall call, FindSecure(site, round));
  MR_RETURN_IF_ERROR(call.secure->server().IndexOf(site).status());
  const size_t members = call.secure->server().cohort().size();
  if (fingerprints.size() > members) {
    return absl::InvalidArgumentError(absl::StrCat("site ", site, ": ", ToString(round),
                                                   ": asks for ", fingerprints.size(),
                                                   " certificates, the cohort has ", members));
  }
  std::vector<std::string> certificates;
  for (const std::string& fingerprint : fingerprints) {
    const std::string* const certificate = call.secure->Certificate(fingerprint);
    if (certificate == nullptr) {
      return absl::NotFoundError(absl::StrCat("site ", site, ": ", ToString(round),
                                              ": nobody of the cohort has such a certificate"));
    }
    certificates.push_back(*certificate);
  }
  return certificates;
}

absl::StatusOr<std::optional<std::vector<v1::SealedShare>>> Engine::Share(
    const std::string& site, const RoundId& round, const v1::ShareRequest& request) {
  bool changed = false;
  std::optional<std::vector<v1::SealedShare>> shares;
  {
    absl::MutexLock lock(&mutex_);
    MR_ASSIGN_OR_RETURN(const SecureCall call, FindSecure(site, round));
    MR_ASSIGN_OR_RETURN(changed, TakeMessage(call, SecurePhase::kShare, site, [&] {
                          return call.secure->TakeShares(site, request);
                        }));
    if (call.round->secure->phase > SecurePhase::kShare) {
      MR_ASSIGN_OR_RETURN(shares, call.secure->server().SharesFor(site));
    }
  }
  if (changed) Changed();
  return shares;
}

absl::StatusOr<std::optional<Survivors>> Engine::Agree(const std::string& site,
                                                       const RoundId& round,
                                                       const std::string& signature) {
  bool changed = false;
  std::optional<Survivors> survivors;
  {
    absl::MutexLock lock(&mutex_);
    MR_ASSIGN_OR_RETURN(const SecureCall call, FindSecure(site, round));
    const SecureProgress& progress = *call.round->secure;
    if (!call.round->contributions.contains(site)) {
      return absl::FailedPreconditionError(
          absl::StrCat("site ", site, ": ", ToString(round), ": its update is not in"));
    }
    if (!signature.empty()) {
      MR_ASSIGN_OR_RETURN(changed, TakeMessage(call, SecurePhase::kAgree, site, [&] {
                            return call.secure->TakeAgreement(site, signature);
                          }));
    }
    const bool told = signature.empty() && progress.phase > SecurePhase::kMask;
    if (told || progress.phase > SecurePhase::kAgree) {
      survivors = {call.secure->server().survivors(), {}};
    }
    if (survivors && progress.phase > SecurePhase::kAgree) {
      survivors->signatures = call.secure->server().agreements();
    }
  }
  if (changed) Changed();
  return survivors;
}

absl::StatusOr<bool> Engine::Unmask(const std::string& site, const RoundId& round,
                                    const v1::UnmaskRequest& request) {
  bool changed = false;
  bool over = false;
  {
    absl::MutexLock lock(&mutex_);
    MR_ASSIGN_OR_RETURN(const SecureCall call, FindSecure(site, round));
    MR_ASSIGN_OR_RETURN(changed, TakeMessage(call, SecurePhase::kUnmask, site, [&] {
                          return call.secure->TakeReveal(site, request);
                        }));
    // Who is still missing is not waited for once the masks come off without it.
    const SecureServer& server = call.secure->server();
    if (changed && server.CanRecover() && server.Recover().ok()) {
      const Event closed{Now(), PhaseClosed{"enough shares to unmask"}};
      const absl::Status recorded = Record(*call.run, closed);
      if (!recorded.ok()) {
        LogWarning("phase not closed yet",
                   {{"round", ToString(round)}, {"error", recorded.ToString()}});
      }
      over = recorded.ok();
    }
  }
  if (changed) Changed();
  return over;
}

}  // namespace millrace
