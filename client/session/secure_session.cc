// SPDX-License-Identifier: Apache-2.0
#include "client/session/secure_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log.h"
#include "base/status.h"
#include "models/scaling_digest.h"

namespace millrace {
namespace {

constexpr int64_t kWaitMs = 15'000;  // of a long poll

SecureContext ContextOf(const std::string& federation, const v1::Assignment& assignment) {
  SecureContext context{federation,
                        assignment.id().run(),
                        assignment.id().round(),
                        assignment.id().attempt(),
                        {},
                        Sha256Of(assignment.plan()),
                        {}};
  if (assignment.has_scaling()) context.scaling = DigestOf(assignment.scaling());
  // Another length was refused when the model was fetched; statistics have none.
  std::copy_n(assignment.model_sha256().begin(),
              std::min(assignment.model_sha256().size(), context.model.bytes.size()),
              context.model.bytes.begin());
  return context;
}

template <typename Message>
std::vector<Message> ToVector(const google::protobuf::RepeatedPtrField<Message>& field) {
  return {field.begin(), field.end()};
}

}  // namespace

SecureSession::SecureSession(const SecureParts& parts, Persistence persist,
                             const v1::Assignment& assignment, const Plan& plan,
                             const SecureFloor& floor)
    : parts_(parts),
      persist_(std::move(persist)),
      round_(assignment.id()),
      mode_(plan.secure.mode),
      client_(ContextOf(parts.identity->federation(), assignment), plan.secure, floor,
              parts.identity->site(), parts.identity->fingerprint(), parts.identity->key()) {}

template <typename Response>
absl::StatusOr<Response> SecureSession::Await(
    absl::string_view what, absl::Time deadline,
    const std::function<absl::StatusOr<Response>()>& call) {
  Response response;
  do {
    MR_RETURN_IF_ERROR(persist_(what, deadline, [&]() -> absl::Status {
      absl::StatusOr<Response> answer = call();
      round_over_ = absl::IsFailedPrecondition(answer.status());
      MR_ASSIGN_OR_RETURN(response, std::move(answer));
      return absl::OkStatus();
    }));
    if (!response.ready() && parts_.steady->Now() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat(what, ": not before the round's deadline"));
    }
  } while (!response.ready());
  return response;
}

absl::Status SecureSession::Join(absl::Time deadline) {
  MR_RETURN_IF_ERROR(parts_.unmasked->CheckRound(round_, mode_));
  v1::AdvertiseRequest advertise;
  *advertise.mutable_round() = round_;
  *advertise.mutable_advertisement() = client_.advertisement();
  advertise.set_wait_ms(kWaitMs);
  MR_ASSIGN_OR_RETURN(const auto advertised,
                      Await<v1::AdvertiseResponse>("advertise", deadline, [&] {
                        return parts_.link->Advertise(advertise);
                      }));
  const std::vector<v1::Advertisement> cohort = ToVector(advertised.cohort());
  MR_RETURN_IF_ERROR(LearnCertificates(cohort, deadline));
  MR_ASSIGN_OR_RETURN(
      v1::ShareRequest share,
      client_.TakeCohort(cohort, [&](const std::string& site, absl::string_view fingerprint) {
        return parts_.identity->KeyOf(site, fingerprint);
      }));
  *share.mutable_round() = round_;
  share.set_wait_ms(kWaitMs);
  MR_ASSIGN_OR_RETURN(const auto shared, Await<v1::ShareResponse>("share", deadline, [&] {
                        return parts_.link->Share(share);
                      }));
  MR_RETURN_IF_ERROR(client_.TakeShares(ToVector(shared.shares())));
  if (!client_.tampered().empty()) {
    LogWarning("shares that were tampered with",
               {{"round", round_.round()}, {"from", absl::StrJoin(client_.tampered(), ", ")}});
  }
  return absl::OkStatus();
}

absl::Status SecureSession::LearnCertificates(const std::vector<v1::Advertisement>& cohort,
                                              absl::Time deadline) {
  v1::GetCertificatesRequest request;
  *request.mutable_round() = round_;
  for (const v1::Advertisement& member : cohort) {
    if (!parts_.identity->Knows(member.certificate_sha256())) {
      request.add_sha256(member.certificate_sha256());
    }
  }
  if (request.sha256().empty()) return absl::OkStatus();
  v1::GetCertificatesResponse response;
  MR_RETURN_IF_ERROR(persist_("certificates", deadline, [&]() -> absl::Status {
    MR_ASSIGN_OR_RETURN(response, parts_.link->GetCertificates(request));
    return absl::OkStatus();
  }));
  for (const std::string& certificate : response.certificates()) {
    MR_RETURN_IF_ERROR(parts_.identity->Learn(certificate));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::AgreeResponse> SecureSession::Agree(const std::string& signature,
                                                       absl::Time deadline) {
  v1::AgreeRequest request;
  *request.mutable_round() = round_;
  request.set_signature(signature);
  request.set_wait_ms(kWaitMs);
  return Await<v1::AgreeResponse>("agree", deadline, [&] { return parts_.link->Agree(request); });
}

absl::Status SecureSession::Finish(absl::Time deadline) {
  const absl::Status finished = HelpToUnmask(deadline);
  return round_over_ ? absl::OkStatus() : finished;
}

absl::Status SecureSession::HelpToUnmask(absl::Time deadline) {
  MR_ASSIGN_OR_RETURN(v1::AgreeResponse agreed, Agree("", deadline));
  const std::vector<int32_t> survivors(agreed.survivors().begin(), agreed.survivors().end());
  MR_ASSIGN_OR_RETURN(const std::string signature, client_.TakeSurvivors(survivors));
  const Digest survivor_set = client_.SurvivorSet();
  // Before the signature leaves: it helps others to unmask.
  MR_RETURN_IF_ERROR(parts_.unmasked->CheckSurvivors(round_, mode_, survivor_set));
  if (!signature.empty()) {
    MR_ASSIGN_OR_RETURN(agreed, Agree(signature, deadline));
  }
  MR_ASSIGN_OR_RETURN(v1::UnmaskRequest request, client_.Reveal(ToVector(agreed.signatures())));
  MR_RETURN_IF_ERROR(parts_.unmasked->Keep(round_, mode_, survivor_set));
  *request.mutable_round() = round_;
  request.set_wait_ms(kWaitMs);
  return Await<v1::UnmaskResponse>("unmask", deadline, [&] { return parts_.link->Unmask(request); })
      .status();
}

}  // namespace millrace
