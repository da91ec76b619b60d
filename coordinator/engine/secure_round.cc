// SPDX-License-Identifier: Apache-2.0
#include "coordinator/engine/secure_round.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregation/secure/known_fields.h"
#include "base/status.h"
#include "millrace/internal/secure_round.pb.h"
#include "models/package.h"
#include "models/scaling_digest.h"

namespace millrace {
namespace {

std::vector<std::string> Contributors(const RoundState& round) {
  std::vector<std::string> sites;
  for (const auto& [site, contribution] : round.contributions) sites.push_back(site);
  return sites;
}

/// Canonical bytes of a message, and the message that they are parsed from.
template <typename Message>
absl::StatusOr<Message> Parse(const std::string& bytes) {
  Message message;
  if (!message.ParseFromString(bytes)) return absl::DataLossError("is no message");
  return message;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SecureRound>> SecureRound::Create(
    const std::string& federation, const RunState& run, const RoundState& round,
    std::span<const StoredMessage> messages) {
  SecureContext context{
      federation, run.id, round.id.round, round.id.attempt, {}, Sha256Of(run.plan_text), {}};
  if (round.task != TaskKind::kStatistics) context.model = round.model;
  if (run.scaling) context.scaling = DigestOf(ToProto(*run.scaling));
  std::unique_ptr<SecureRound> secure(new SecureRound(round.id, context, run.plan.secure));
  std::map<std::pair<SecurePhase, std::string>, const std::string*> kept;
  for (const StoredMessage& message : messages) {
    if (message.round == round.id) kept[{message.phase, message.site}] = &message.bytes;
  }
  // As the phases went by.
  RoundState past = round;
  for (const SecurePhase phase : {SecurePhase::kAdvertise, SecurePhase::kShare, SecurePhase::kMask,
                                  SecurePhase::kAgree, SecurePhase::kUnmask}) {
    if (phase > round.secure->phase) break;
    past.secure->phase = phase;
    if (const auto done = round.secure->done.find(phase); done != round.secure->done.end()) {
      for (const std::string& site : done->second) {
        const auto found = kept.find({phase, site});
        const absl::Status restored = found == kept.end()
                                          ? absl::DataLossError("is not in the store")
                                          : secure->Restore(phase, site, *found->second);
        if (!restored.ok()) {
          return absl::DataLossError(
              absl::StrCat("site ", site, ": its message for ", ToString(round.id), " phase ",
                           std::string(Name(phase)), ": ", restored.message()));
        }
      }
    }
    const bool agreeing = phase != SecurePhase::kAgree || round.secure->done.contains(phase);
    if (phase < round.secure->phase && agreeing) MR_RETURN_IF_ERROR(secure->ClosePhase(past));
  }
  return secure;
}

absl::Status SecureRound::Restore(SecurePhase phase, const std::string& site,
                                  const std::string& bytes) {
  switch (phase) {
    case SecurePhase::kAdvertise: {
      MR_ASSIGN_OR_RETURN(const auto record, Parse<internal::AdvertisementRecord>(bytes));
      return TakeAdvertisement(site, record.advertisement(), record.certificate()).status();
    }
    case SecurePhase::kShare: {
      MR_ASSIGN_OR_RETURN(const auto request, Parse<v1::ShareRequest>(bytes));
      return TakeShares(site, request).status();
    }
    case SecurePhase::kAgree:
      return TakeAgreement(site, bytes).status();
    case SecurePhase::kUnmask: {
      MR_ASSIGN_OR_RETURN(const auto request, Parse<v1::UnmaskRequest>(bytes));
      return TakeReveal(site, request).status();
    }
    case SecurePhase::kMask:
      break;  // its messages are uploads
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SecureRound::TakeAdvertisement(const std::string& site,
                                                           const v1::Advertisement& advertisement,
                                                           const std::string& certificate) {
  const std::string fingerprint = Sha256Of(certificate).ToBytes();
  if (advertisement.certificate_sha256() != fingerprint) {
    return absl::PermissionDeniedError(absl::StrCat(
        "site ", site, ": its advertisement names another certificate than its connection's"));
  }
  MR_ASSIGN_OR_RETURN(VerifyingKey identity, VerifyingKey::FromCertificate(certificate));
  MR_RETURN_IF_ERROR(server_.AddAdvertisement(site, advertisement, std::move(identity)));
  certificates_[fingerprint] = certificate;
  internal::AdvertisementRecord record;
  *record.mutable_advertisement() = WithKnownFields(advertisement);
  record.set_certificate(certificate);
  return record.SerializeAsString();
}

absl::StatusOr<std::string> SecureRound::TakeShares(const std::string& site,
                                                    const v1::ShareRequest& request) {
  MR_RETURN_IF_ERROR(server_.AddShares(site, request));
  return WithKnownFields(request).SerializeAsString();
}

absl::StatusOr<std::string> SecureRound::TakeAgreement(const std::string& site,
                                                       const std::string& signature) {
  MR_RETURN_IF_ERROR(server_.AddAgreement(site, signature));
  return signature;
}

absl::StatusOr<std::string> SecureRound::TakeReveal(const std::string& site,
                                                    const v1::UnmaskRequest& request) {
  MR_RETURN_IF_ERROR(server_.AddReveal(site, request));
  return WithKnownFields(request).SerializeAsString();
}

absl::Status SecureRound::ClosePhase(const RoundState& round) {
  switch (round.secure->phase) {
    case SecurePhase::kAdvertise:
      return server_.CloseAdvertising();
    case SecurePhase::kShare:
      return server_.CloseSharing();
    case SecurePhase::kMask:
      return server_.CloseMasking(Contributors(round));
    case SecurePhase::kAgree:
    case SecurePhase::kUnmask:
      break;  // nothing is decided but by the messages themselves
  }
  return absl::OkStatus();
}

const std::string* SecureRound::Certificate(const std::string& fingerprint) const {
  const auto found = certificates_.find(fingerprint);
  return found == certificates_.end() ? nullptr : &found->second;
}

}  // namespace millrace
