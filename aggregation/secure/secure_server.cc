// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/secure_server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregation/secure/cohort_graph.h"
#include "aggregation/secure/known_fields.h"
#include "base/status.h"

namespace millrace {
namespace {

using absl::StatusCode;

constexpr size_t kNonceBytes = 16;

/// OK for a public key that gives a secret with another: one that does not would cost every site
/// that masks with it its round.
absl::Status CheckAgrees(const std::string& public_key) {
  MR_ASSIGN_OR_RETURN(const AgreementPublicKey key, ReadPublicKey(public_key));
  return AgreementKey::Generate().Agree(key).status();
}

bool Same(const google::protobuf::MessageLite& a, const google::protobuf::MessageLite& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

}  // namespace

SecureServer::SecureServer(const SecureContext& context, const SecurePlan& plan)
    : plan_(plan),
      title_(absl::StrCat(context.run, " round ", context.round, " attempt ", context.attempt)),
      context_(DigestOf(context)) {}

absl::Status SecureServer::Refuse(StatusCode code, const std::string& site,
                                  absl::string_view reason) const {
  return absl::Status(code, absl::StrCat("site ", site, ": ", title_, ": ", reason));
}

absl::Status SecureServer::TooFew(absl::string_view what, int64_t found, int64_t needed) const {
  return absl::FailedPreconditionError(
      absl::StrCat(title_, ": ", found, " sites ", what, ", at least ", needed, " are needed"));
}

absl::Status SecureServer::AddAdvertisement(const std::string& site, const v1::Advertisement& sent,
                                            VerifyingKey identity) {
  v1::Advertisement advertisement = WithKnownFields(sent);
  if (const auto known = advertised_.find(site); known != advertised_.end()) {
    if (Same(known->second.advertisement, advertisement)) return absl::OkStatus();
    return Refuse(StatusCode::kAlreadyExists, site, "has advertised other keys in this attempt");
  }
  if (!cohort_.empty()) {
    return Refuse(StatusCode::kFailedPrecondition, site, "the cohort is complete without it");
  }
  if (advertisement.site() != site) {
    return Refuse(StatusCode::kPermissionDenied, site,
                  absl::StrCat("advertises for site ", advertisement.site()));
  }
  for (const std::string& key : {advertisement.mask_key(), advertisement.seal_key()}) {
    if (const absl::Status usable = CheckAgrees(key); !usable.ok()) {
      return Refuse(usable.code(), site, usable.message());
    }
    for (const auto& [other, entry] : advertised_) {
      if (entry.advertisement.mask_key() == key || entry.advertisement.seal_key() == key) {
        return Refuse(StatusCode::kPermissionDenied, site,
                      absl::StrCat("advertises a key of site ", other));
      }
    }
  }
  if (advertisement.mask_key() == advertisement.seal_key()) {
    return Refuse(StatusCode::kPermissionDenied, site, "advertises one key for both purposes");
  }
  if (advertisement.nonce().size() != kNonceBytes) {
    return Refuse(StatusCode::kInvalidArgument, site,
                  absl::StrCat("its nonce has ", advertisement.nonce().size(), " bytes, expected ",
                               kNonceBytes));
  }
  if (!identity.Verify(AdvertisementText(context_, advertisement), advertisement.signature())) {
    return Refuse(StatusCode::kPermissionDenied, site,
                  "the signature does not fit this round, model, plan, scaling and keys");
  }
  advertised_.emplace(site, Advertised{std::move(advertisement), std::move(identity)});
  return absl::OkStatus();
}

absl::Status SecureServer::CloseAdvertising() {
  if (!cohort_.empty()) return absl::OkStatus();
  const auto sites = static_cast<int64_t>(advertised_.size());
  const int64_t fewest = plan_.Fewest(sites);
  if (sites < fewest) return TooFew("advertised keys", sites, fewest);
  std::vector<const v1::Advertisement*> order;
  for (const auto& [site, entry] : advertised_) order.push_back(&entry.advertisement);
  cohort_digest_ = CohortDigest(context_, order);
  MR_ASSIGN_OR_RETURN(graph_, GraphOf(plan_, sites, cohort_digest_));
  for (auto& [site, entry] : advertised_) {
    MR_ASSIGN_OR_RETURN(const AgreementPublicKey key,
                        ReadPublicKey(entry.advertisement.mask_key()));
    members_.emplace_back(key, std::move(entry.identity));
    cohort_.push_back(entry.advertisement);
  }
  return absl::OkStatus();
}

absl::StatusOr<int32_t> SecureServer::IndexOf(const std::string& site) const {
  const auto found = std::lower_bound(cohort_.begin(), cohort_.end(), site,
                                      [](const v1::Advertisement& member, const std::string& name) {
                                        return member.site() < name;
                                      });
  if (found == cohort_.end() || found->site() != site) {
    return Refuse(StatusCode::kFailedPrecondition, site, "is not in the cohort");
  }
  return static_cast<int32_t>(found - cohort_.begin());
}

absl::Status SecureServer::AddShares(const std::string& site, const v1::ShareRequest& request) {
  MR_ASSIGN_OR_RETURN(const int32_t index, IndexOf(site));
  Member& member = members_[index];
  v1::ShareRequest message = WithKnownFields(request);
  message.clear_wait_ms();
  if (member.shares) {
    if (Same(*member.shares, message)) return absl::OkStatus();
    return Refuse(StatusCode::kAlreadyExists, site, "has shared other secrets in this attempt");
  }
  if (sharing_closed_) {
    return Refuse(StatusCode::kFailedPrecondition, site, "the sharing is over without it");
  }
  const std::vector<int32_t>& neighbors = graph_->neighbors(index);
  if (message.shares_size() != std::ssize(neighbors)) {
    return Refuse(
        StatusCode::kInvalidArgument, site,
        absl::StrCat(message.shares_size(), " shares for ", neighbors.size(), " neighbours"));
  }
  for (int i = 0; i < message.shares_size(); ++i) {
    const v1::SealedShare& share = message.shares(i);
    if (share.neighbour() != neighbors[i] || share.sealed().size() != kSealedShareBytes) {
      return Refuse(
          StatusCode::kInvalidArgument, site,
          absl::StrCat("share ", i, " is for ", share.neighbour(), " with ", share.sealed().size(),
                       " bytes, expected ", neighbors[i], " with ", kSealedShareBytes));
    }
  }
  if (message.seed_commitment().size() != 32) {
    return Refuse(StatusCode::kInvalidArgument, site, "its seed commitment has not 32 bytes");
  }
  member.shares = std::move(message);
  return absl::OkStatus();
}

absl::Status SecureServer::CheckEnough(const std::vector<bool>& in, absl::string_view what) const {
  const auto check = [&](int64_t found, int64_t needed, const std::string& where) {
    return found >= needed ? absl::OkStatus() : TooFew(absl::StrCat(where, what), found, needed);
  };
  const auto sites = std::ssize(members_);
  MR_RETURN_IF_ERROR(check(std::count(in.begin(), in.end(), true),
                           graph_ ? FewestInAll(plan_, *graph_) : plan_.Fewest(sites), ""));
  for (int32_t index = 0; index < sites; ++index) {
    if (!members_[index].shares) continue;
    const std::vector<int32_t>& neighbors = graph_->neighbors(index);
    const auto around = std::ssize(neighbors) + 1;
    const int64_t found =
        std::count_if(neighbors.begin(), neighbors.end(), [&](int32_t i) { return in[i]; }) +
        (in[index] ? 1 : 0);
    MR_RETURN_IF_ERROR(
        check(found, FewestSurvivors(plan_, around, graph_->threshold(index)),
              around == sites ? "" : absl::StrCat("around site ", cohort_[index].site(), " ")));
  }
  return absl::OkStatus();
}

absl::Status SecureServer::CloseSharing() {
  std::vector<bool> sharing;
  for (const Member& member : members_) sharing.push_back(member.shares.has_value());
  MR_RETURN_IF_ERROR(CheckEnough(sharing, "shared their secrets"));
  for (Member& member : members_) member.takes_part = member.shares.has_value();
  sharing_closed_ = true;
  return absl::OkStatus();
}

std::vector<int32_t> SecureServer::Partners(int32_t index) const {
  std::vector<int32_t> partners;
  for (const int32_t neighbor : graph_->neighbors(index)) {
    if (members_[neighbor].takes_part) partners.push_back(neighbor);
  }
  return partners;
}

absl::StatusOr<std::vector<v1::SealedShare>> SecureServer::SharesFor(
    const std::string& site) const {
  MR_ASSIGN_OR_RETURN(const int32_t index, IndexOf(site));
  if (!members_[index].takes_part) {
    return Refuse(StatusCode::kFailedPrecondition, site, "the sharing is over without it");
  }
  std::vector<v1::SealedShare> shares;
  for (const int32_t from : Partners(index)) {
    const std::vector<int32_t>& receivers = graph_->neighbors(from);
    const auto place = std::lower_bound(receivers.begin(), receivers.end(), index);
    v1::SealedShare share =
        members_[from].shares->shares(static_cast<int>(place - receivers.begin()));
    share.set_neighbour(from);
    shares.push_back(std::move(share));
  }
  return shares;
}

absl::Status SecureServer::CloseMasking(const std::vector<std::string>& survivors) {
  std::vector<bool> survived(members_.size());
  for (const std::string& site : survivors) {
    MR_ASSIGN_OR_RETURN(const int32_t index, IndexOf(site));
    if (!members_[index].takes_part) {
      return Refuse(StatusCode::kFailedPrecondition, site, "survived without having shared");
    }
    survived[index] = true;
  }
  std::vector<int32_t> indices;
  for (size_t i = 0; i < survived.size(); ++i) {
    if (survived[i]) indices.push_back(static_cast<int32_t>(i));
  }
  if (!survivors_.empty()) {
    if (indices == survivors_) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(title_, ": other sites survived before"));
  }
  MR_RETURN_IF_ERROR(CheckEnough(survived, "survived"));
  for (const int32_t index : indices) members_[index].survived = true;
  survivors_ = std::move(indices);
  return absl::OkStatus();
}

absl::Status SecureServer::AddAgreement(const std::string& site, const std::string& signature) {
  MR_ASSIGN_OR_RETURN(const int32_t index, IndexOf(site));
  Member& member = members_[index];
  if (!member.survived) {
    return Refuse(StatusCode::kFailedPrecondition, site, "is not among the survivors");
  }
  // Whoever waits for the others asks with it again and again.
  if (member.agreement == signature) return absl::OkStatus();
  if (!member.identity.Verify(SurvivorsText(cohort_digest_, survivors_), signature)) {
    return Refuse(StatusCode::kPermissionDenied, site, "has signed other survivors");
  }
  // ECDSA signs anew each time: another signature over the same text is no other story.
  if (!member.agreement) member.agreement = signature;
  return absl::OkStatus();
}

std::vector<v1::AgreementSignature> SecureServer::agreements() const {
  std::vector<v1::AgreementSignature> signatures;
  for (size_t i = 0; i < members_.size(); ++i) {
    if (!members_[i].agreement) continue;
    signatures.emplace_back();
    signatures.back().set_site(static_cast<int32_t>(i));
    signatures.back().set_signature(*members_[i].agreement);
  }
  return signatures;
}

absl::Status SecureServer::AddReveal(const std::string& site, const v1::UnmaskRequest& request) {
  MR_ASSIGN_OR_RETURN(const int32_t index, IndexOf(site));
  Member& member = members_[index];
  if (!member.survived) {
    return Refuse(StatusCode::kFailedPrecondition, site, "is not among the survivors");
  }
  v1::UnmaskRequest message = WithKnownFields(request);
  message.clear_wait_ms();
  if (member.reveal) {
    if (Same(*member.reveal, message)) return absl::OkStatus();
    return Refuse(StatusCode::kAlreadyExists, site, "has revealed other shares in this attempt");
  }
  const std::vector<int32_t> partners = Partners(index);
  int32_t last = -1;
  for (const v1::RevealedShare& share : message.shares()) {
    const int32_t neighbour = share.neighbour();
    const auto refuse = [&](absl::string_view reason) {
      return Refuse(StatusCode::kInvalidArgument, site,
                    absl::StrCat("revealed share of ", neighbour, ": ", reason));
    };
    if (neighbour <= last) return refuse("out of order or twice");
    last = neighbour;
    if (neighbour != index && !std::binary_search(partners.begin(), partners.end(), neighbour)) {
      return refuse("no neighbour of this site that takes part");
    }
    const bool survived = members_[neighbour].survived;
    if (survived != (share.share_case() == v1::RevealedShare::kSeed)) {
      return refuse(survived ? "it survived, its seed is asked"
                             : "it dropped out, its key is asked");
    }
    const bool readable =
        survived ? ReadSeedShare(share.seed()).ok() : ReadMaskKeyShare(share.mask_key()).ok();
    if (!readable) return refuse("has a wrong length");
  }
  member.reveal = std::move(message);
  return absl::OkStatus();
}

bool SecureServer::CanRecover() const {
  std::vector<int64_t> shares(members_.size(), 0);
  for (const Member& member : members_) {
    if (!member.reveal) continue;
    for (const v1::RevealedShare& share : member.reveal->shares()) ++shares[share.neighbour()];
  }
  for (size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].takes_part && shares[i] < graph_->threshold(static_cast<int32_t>(i)))
      return false;
  }
  return !survivors_.empty();
}

SecureServer::Revealed SecureServer::Gather() const {
  Revealed revealed{std::vector<GatheredShares<16>>(members_.size()),
                    std::vector<GatheredShares<32>>(members_.size())};
  for (size_t holder = 0; holder < members_.size(); ++holder) {
    if (!members_[holder].reveal) continue;
    for (const v1::RevealedShare& share : members_[holder].reveal->shares()) {
      const uint64_t point = holder + 1;
      // AddReveal has read them before.
      if (share.has_seed()) {
        revealed.seeds[share.neighbour()].Add(point, *ReadSeedShare(share.seed()));
      } else {
        revealed.mask_keys[share.neighbour()].Add(point, *ReadMaskKeyShare(share.mask_key()));
      }
    }
  }
  return revealed;
}

absl::Status SecureServer::RecoverOwnMask(int32_t index, const GatheredShares<16>& gathered,
                                          MaskSet& masks) const {
  MR_ASSIGN_OR_RETURN(
      const MaskSeed seed,
      ReconstructFitting(gathered, graph_->threshold(index), [&](const MaskSeed& candidate) {
        return SeedCommitment(cohort_digest_, candidate, index) ==
               members_[index].shares->seed_commitment();
      }));
  masks.Add(OwnMaskKey(cohort_digest_, seed, index), true);
  return absl::OkStatus();
}

absl::Status SecureServer::RecoverPairMasks(int32_t index, const GatheredShares<32>& gathered,
                                            MaskSet& masks) const {
  MR_ASSIGN_OR_RETURN(
      Secret<32> secret,
      ReconstructFitting(gathered, graph_->threshold(index), [&](const Secret<32>& candidate) {
        return AgreementKey::FromSecret(candidate.Clone()).public_key() == members_[index].mask_key;
      }));
  const AgreementKey key = AgreementKey::FromSecret(std::move(secret));
  for (const int32_t partner : Partners(index)) {
    if (!members_[partner].survived) continue;
    MR_ASSIGN_OR_RETURN(
        MaskKey mask, PairMaskKey(cohort_digest_, key, members_[partner].mask_key, index, partner));
    // The survivor added the mask if it comes first in the cohort, and subtracted it if second.
    masks.Add(std::move(mask), partner < index);
  }
  return absl::OkStatus();
}

absl::StatusOr<MaskSet> SecureServer::Recover() const {
  if (survivors_.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(title_, ": nobody has survived yet"));
  }
  const Revealed revealed = Gather();
  MaskSet masks;
  for (size_t i = 0; i < members_.size(); ++i) {
    if (!members_[i].takes_part) continue;
    const auto index = static_cast<int32_t>(i);
    const absl::Status recovered = members_[i].survived
                                       ? RecoverOwnMask(index, revealed.seeds[i], masks)
                                       : RecoverPairMasks(index, revealed.mask_keys[i], masks);
    if (!recovered.ok()) {
      return Annotate(recovered, absl::StrCat(title_, ": secret of site ", cohort_[i].site()));
    }
  }
  return masks;
}

}  // namespace millrace
