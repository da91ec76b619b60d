// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/secure_client.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "aggregation/secure/cohort_graph.h"
#include "base/check.h"
#include "base/status.h"

namespace millrace {
namespace {

std::string BytesOf(const AgreementPublicKey& key) { return {key.begin(), key.end()}; }

std::string RandomNonce() {
  const auto nonce = Secret<16>::Random();
  return {nonce.bytes().begin(), nonce.bytes().end()};
}

uint64_t PointOf(int32_t index) { return static_cast<uint64_t>(index) + 1; }

}  // namespace

SecureClient::SecureClient(const SecureContext& context, const SecurePlan& plan,
                           const SecureFloor& floor, std::string site, const Digest& certificate,
                           const SigningKey& key)
    : plan_(plan),
      floor_(floor),
      site_(std::move(site)),
      title_(absl::StrCat("site ", site_, ": ", context.run, " round ", context.round, " attempt ",
                          context.attempt)),
      context_(DigestOf(context)),
      identity_(key),
      mask_key_(AgreementKey::Generate()),
      seal_key_(AgreementKey::Generate()),
      seed_(MaskSeed::Random()) {
  advertisement_.set_site(site_);
  advertisement_.set_mask_key(BytesOf(mask_key_.public_key()));
  advertisement_.set_seal_key(BytesOf(seal_key_.public_key()));
  advertisement_.set_nonce(RandomNonce());
  advertisement_.set_certificate_sha256(
      std::string(certificate.bytes.begin(), certificate.bytes.end()));
  advertisement_.set_signature(identity_.Sign(AdvertisementText(context_, advertisement_)));
}

absl::Status SecureClient::Refuse(absl::StatusCode code, absl::string_view reason) const {
  return absl::Status(code, absl::StrCat(title_, ": ", reason));
}

absl::Status SecureClient::RefuseKeyOf(int32_t member, const absl::Status& why) const {
  return Refuse(why.code(),
                absl::StrCat("advertisement of site ", NameOf(member), ": ", why.message()));
}

absl::StatusOr<v1::ShareRequest> SecureClient::TakeCohort(
    const std::vector<v1::Advertisement>& cohort, const CertifiedKey& certified_key) {
  std::vector<const v1::Advertisement*> members;
  for (const v1::Advertisement& member : cohort) members.push_back(&member);
  const Digest digest = CohortDigest(context_, members);
  if (!cohort_.empty()) {
    if (digest == cohort_digest_) return share_request_;
    return Refuse(absl::StatusCode::kFailedPrecondition, "was shown another cohort before");
  }
  MR_ASSIGN_OR_RETURN(std::vector<Member> checked, CheckCohort(cohort, certified_key));
  const auto own = std::find_if(checked.begin(), checked.end(), [&](const Member& member) {
    return member.advertisement.site() == site_;
  });
  const absl::StatusOr<SecureGraph> graph = GraphOf(plan_, std::ssize(checked), digest);
  if (!graph.ok()) return Refuse(graph.status().code(), graph.status().message());
  const auto own_index = static_cast<int32_t>(own - checked.begin());
  const absl::Status out_of_reach = CheckThreshold(
      floor_, plan_, std::ssize(graph->neighbors(own_index)) + 1, graph->threshold(own_index));
  if (!out_of_reach.ok()) return Refuse(out_of_reach.code(), out_of_reach.message());
  graph_ = *graph;
  cohort_digest_ = digest;
  index_ = own_index;
  cohort_ = std::move(checked);
  if (absl::Status shared = ShareSecrets(); !shared.ok()) {
    cohort_.clear();
    bundles_.clear();
    return shared;
  }
  return share_request_;
}

absl::StatusOr<std::vector<SecureClient::Member>> SecureClient::CheckCohort(
    const std::vector<v1::Advertisement>& cohort, const CertifiedKey& certified_key) const {
  const int64_t by_plan = plan_.Fewest(std::ssize(cohort));
  const int64_t fewest = FewestInCohort(floor_, plan_, std::ssize(cohort));
  if (std::ssize(cohort) < fewest) {
    return Refuse(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat("a cohort of ", cohort.size(), " hides too little, at least ", fewest,
                     " are needed",
                     fewest > by_plan ? " by [secure] in this site's configuration" : ""));
  }
  std::vector<Member> members;
  std::set<std::string> keys;
  bool own = false;
  for (const v1::Advertisement& one : cohort) {
    const auto refuse = [&](absl::StatusCode code, absl::string_view reason) {
      return Refuse(code, absl::StrCat("advertisement of site ", one.site(), ": ", reason));
    };
    if (!members.empty() && one.site() <= members.back().advertisement.site()) {
      return refuse(absl::StatusCode::kInvalidArgument, "out of order or twice in the cohort");
    }
    const absl::StatusOr<AgreementPublicKey> mask_key = ReadPublicKey(one.mask_key());
    if (!mask_key.ok()) return refuse(mask_key.status().code(), mask_key.status().message());
    const absl::StatusOr<AgreementPublicKey> seal_key = ReadPublicKey(one.seal_key());
    if (!seal_key.ok()) return refuse(seal_key.status().code(), seal_key.status().message());
    if (!keys.insert(one.mask_key()).second || !keys.insert(one.seal_key()).second) {
      return refuse(absl::StatusCode::kPermissionDenied, "its key is another's as well");
    }
    absl::StatusOr<std::shared_ptr<const VerifyingKey>> identity =
        certified_key(one.site(), one.certificate_sha256());
    if (!identity.ok()) return refuse(identity.status().code(), identity.status().message());
    if (!(*identity)->Verify(AdvertisementText(context_, one), one.signature())) {
      return refuse(absl::StatusCode::kPermissionDenied,
                    "its signature does not fit this round, model, plan, scaling and keys");
    }
    if (one.site() == site_) {
      if (one.SerializeAsString() != advertisement_.SerializeAsString()) {
        return refuse(absl::StatusCode::kPermissionDenied, "is not what this site sent");
      }
      own = true;
    }
    members.push_back({one, *mask_key, *seal_key, *std::move(identity)});
  }
  if (!own)
    return Refuse(absl::StatusCode::kFailedPrecondition, "is not in the cohort it was shown");
  return members;
}

absl::Status SecureClient::ShareSecrets() {
  std::vector<int32_t> holders = graph_->neighbors(index_);
  holders.insert(std::lower_bound(holders.begin(), holders.end(), index_), index_);
  std::vector<uint64_t> points;
  for (const int32_t holder : holders) points.push_back(PointOf(holder));
  const auto threshold = graph_->threshold(index_);
  const std::vector<ShamirShare<32>> key_shares =
      SplitSecret(mask_key_.secret(), threshold, points);
  const std::vector<ShamirShare<16>> seed_shares = SplitSecret(seed_, threshold, points);

  share_request_.Clear();
  share_request_.set_seed_commitment(SeedCommitment(cohort_digest_, seed_, index_));
  for (size_t i = 0; i < holders.size(); ++i) {
    ShareBundle bundle = Bundle(key_shares[i], seed_shares[i]);
    if (holders[i] == index_) {
      bundles_[index_] = std::move(bundle);
      continue;
    }
    absl::StatusOr<std::string> sealed = SealShares(
        cohort_digest_, seal_key_, cohort_[holders[i]].seal_key, index_, holders[i], bundle);
    if (!sealed.ok()) {
      return RefuseKeyOf(holders[i], sealed.status());
    }
    v1::SealedShare* const share = share_request_.add_shares();
    share->set_neighbour(holders[i]);
    share->set_sealed(*std::move(sealed));
  }
  return absl::OkStatus();
}

absl::Status SecureClient::TakeShares(const std::vector<v1::SealedShare>& shares) {
  if (cohort_.empty()) return Refuse(absl::StatusCode::kFailedPrecondition, "has no cohort yet");
  std::vector<int32_t> partners;
  for (const v1::SealedShare& share : shares) partners.push_back(share.neighbour());
  if (!partners_.empty()) {
    if (partners == partners_) return absl::OkStatus();
    return Refuse(absl::StatusCode::kFailedPrecondition, "was given shares of others before");
  }
  const std::vector<int32_t>& neighbors = graph_->neighbors(index_);
  if (!std::is_sorted(partners.begin(), partners.end(), std::less_equal<>()) ||
      !std::includes(neighbors.begin(), neighbors.end(), partners.begin(), partners.end())) {
    return Refuse(absl::StatusCode::kInvalidArgument,
                  "shares that are not its neighbours', out of order or twice");
  }
  std::map<int32_t, ShareBundle> bundles;
  std::vector<std::string> tampered;
  for (const v1::SealedShare& share : shares) {
    const int32_t from = share.neighbour();
    absl::StatusOr<ShareBundle> bundle =
        OpenShares(cohort_digest_, seal_key_, cohort_[from].seal_key, from, index_, share.sealed());
    if (bundle.ok()) {
      bundles[from] = *std::move(bundle);
    } else {
      tampered.push_back(NameOf(from));
    }
  }
  const int64_t good = std::ssize(bundles) + 1;  // its own as well
  const int64_t fewest =
      FewestSurvivors(plan_, std::ssize(neighbors) + 1, graph_->threshold(index_), floor_.corrupt);
  if (good < fewest) {
    return Refuse(
        absl::StatusCode::kFailedPrecondition,
        absl::StrCat("got good shares from ", bundles.size(), " neighbours, needs ", fewest - 1,
                     tampered.empty() ? "" : "; tampered with: ", absl::StrJoin(tampered, ", ")));
  }
  bundles_.merge(bundles);
  tampered_ = std::move(tampered);
  partners_ = std::move(partners);
  return absl::OkStatus();
}

absl::StatusOr<MaskSet> SecureClient::TakeMasks() {
  if (partners_.empty()) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "has no partners to mask with yet");
  }
  if (masked_) {
    return Refuse(absl::StatusCode::kFailedPrecondition,
                  "has masked a vector in this attempt already");
  }
  MaskSet masks;
  masks.Add(OwnMaskKey(cohort_digest_, seed_, index_), false);
  for (const int32_t partner : partners_) {
    absl::StatusOr<MaskKey> key =
        PairMaskKey(cohort_digest_, mask_key_, cohort_[partner].mask_key, index_, partner);
    if (!key.ok()) return RefuseKeyOf(partner, key.status());
    masks.Add(*std::move(key), partner < index_);
  }
  masked_ = true;
  return masks;
}

int64_t SecureClient::CountAround(const std::vector<int32_t>& indices) const {
  const std::vector<int32_t>& neighbors = graph_->neighbors(index_);
  return std::count_if(indices.begin(), indices.end(), [&](int32_t i) {
    return i == index_ || std::binary_search(neighbors.begin(), neighbors.end(), i);
  });
}

absl::Status SecureClient::CheckSurvivors(const std::vector<int32_t>& survivors) const {
  if (!masked_) return Refuse(absl::StatusCode::kFailedPrecondition, "has sent no update yet");
  const auto sites = static_cast<int32_t>(cohort_.size());
  if (!std::is_sorted(survivors.begin(), survivors.end(), std::less_equal<>()) ||
      (!survivors.empty() && (survivors.front() < 0 || survivors.back() >= sites))) {
    return Refuse(absl::StatusCode::kInvalidArgument,
                  "survivors out of order, twice or outside the cohort");
  }
  if (!std::binary_search(survivors.begin(), survivors.end(), index_)) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "is not among the survivors it was shown");
  }
  const std::vector<int32_t>& neighbors = graph_->neighbors(index_);
  for (const int32_t survivor : survivors) {
    if (std::binary_search(neighbors.begin(), neighbors.end(), survivor) &&
        !std::binary_search(partners_.begin(), partners_.end(), survivor)) {
      return Refuse(absl::StatusCode::kFailedPrecondition,
                    absl::StrCat("site ", NameOf(survivor), " survived but never took part"));
    }
  }
  const auto check_enough = [&](int64_t found, int64_t of, int64_t fewest) {
    if (found >= fewest) return absl::OkStatus();
    return Refuse(absl::StatusCode::kFailedPrecondition,
                  absl::StrCat(found, " survivors of ", of, " hide too little, at least ", fewest,
                               " are needed"));
  };
  const int64_t around = std::ssize(neighbors) + 1;
  MR_RETURN_IF_ERROR(
      check_enough(CountAround(survivors), around,
                   FewestSurvivors(plan_, around, graph_->threshold(index_), floor_.corrupt)));
  return check_enough(std::ssize(survivors), sites, FewestInAll(plan_, *graph_, floor_.corrupt));
}

absl::StatusOr<std::string> SecureClient::TakeSurvivors(const std::vector<int32_t>& survivors) {
  if (!survivors_) {
    MR_RETURN_IF_ERROR(CheckSurvivors(survivors));
    survivors_ = survivors;
  } else if (*survivors_ != survivors) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "was shown other survivors before");
  }
  if (plan_.mode != SecureMode::kMalicious) return std::string();
  return identity_.Sign(SurvivorsText(cohort_digest_, survivors));
}

Digest SecureClient::SurvivorSet() const {
  MR_CHECK(survivors_.has_value());
  std::vector<std::string> names;
  for (const int32_t survivor : *survivors_) names.push_back(NameOf(survivor));
  return SiteSetDigest(names);
}

absl::Status SecureClient::CheckAgreement(
    const std::vector<v1::AgreementSignature>& signatures) const {
  const std::string text = SurvivorsText(cohort_digest_, *survivors_);
  std::vector<int32_t> signers;
  for (const v1::AgreementSignature& one : signatures) {
    if (!std::binary_search(survivors_->begin(), survivors_->end(), one.site()) ||
        (!signers.empty() && one.site() <= signers.back())) {
      return Refuse(absl::StatusCode::kInvalidArgument,
                    "agreement signatures out of order or of others than survivors");
    }
    if (!cohort_[one.site()].identity->Verify(text, one.signature())) {
      return Refuse(absl::StatusCode::kPermissionDenied,
                    absl::StrCat("site ", NameOf(one.site()),
                                 " did not sign the survivors that this site was shown"));
    }
    signers.push_back(one.site());
  }
  const int64_t needed = graph_->threshold(index_);
  if (CountAround(signers) < needed) {
    return Refuse(absl::StatusCode::kFailedPrecondition,
                  absl::StrCat(CountAround(signers), " sites agree on the survivors, at least ",
                               needed, " are needed"));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::UnmaskRequest> SecureClient::Reveal(
    const std::vector<v1::AgreementSignature>& signatures) {
  if (!survivors_) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "was not told who survived");
  }
  if (plan_.mode == SecureMode::kMalicious) MR_RETURN_IF_ERROR(CheckAgreement(signatures));
  v1::UnmaskRequest request;
  for (const auto& [holder, bundle] : bundles_) {
    v1::RevealedShare* const share = request.add_shares();
    share->set_neighbour(holder);
    if (std::binary_search(survivors_->begin(), survivors_->end(), holder)) {
      share->set_seed(std::string(SeedShare(bundle)));
    } else {
      share->set_mask_key(std::string(MaskKeyShare(bundle)));
    }
  }
  return request;
}

}  // namespace millrace
