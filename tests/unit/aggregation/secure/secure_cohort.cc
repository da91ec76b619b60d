// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/aggregation/secure/secure_cohort.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_format.h"
#include "aggregation/secure/mask_stream.h"
#include "base/status.h"

namespace millrace::testing {
namespace {

struct Identity {
  explicit Identity(const Secret<32>& seed)
      : key(SigningKey::FromEd25519Seed(seed)),
        public_key(Ed25519PublicKeyOf(seed)),
        verifying(std::make_shared<VerifyingKey>(VerifyingKey::FromEd25519(public_key))) {}
  SigningKey key;
  Ed25519PublicKey public_key;
  std::shared_ptr<const VerifyingKey> verifying;
};

// The same for every cohort, for identities outlive rounds.
const Identity& FixedIdentity(int site) {
  static std::deque<Identity>& identities = *new std::deque<Identity>;
  while (std::ssize(identities) <= site) {
    Secret<32> seed;
    seed.mutable_bytes()[0] = static_cast<uint8_t>(identities.size());
    seed.mutable_bytes()[1] = static_cast<uint8_t>(identities.size() >> 8);
    identities.emplace_back(seed);
  }
  return identities[site];
}

Digest CertificateOf(const std::string& name) { return Sha256Of(name + "'s certificate"); }

std::string FingerprintOf(const std::string& name) {
  const Digest digest = CertificateOf(name);
  return {digest.bytes.begin(), digest.bytes.end()};
}

}  // namespace

Sites FirstSites(int64_t count) {
  Sites sites(count);
  std::iota(sites.begin(), sites.end(), 0);
  return sites;
}

Sites Without(const Sites& sites, const Sites& left_out) {
  Sites rest;
  std::set_difference(sites.begin(), sites.end(), left_out.begin(), left_out.end(),
                      std::back_inserter(rest));
  return rest;
}

std::vector<Sites> ChoicesOf(const Sites& sites, size_t fewest) {
  std::vector<Sites> choices;
  for (uint32_t chosen = 0; chosen < 1U << sites.size(); ++chosen) {
    Sites choice;
    for (size_t i = 0; i < sites.size(); ++i) {
      if ((chosen >> i & 1) != 0) choice.push_back(sites[i]);
    }
    if (choice.size() >= fewest) choices.push_back(std::move(choice));
  }
  return choices;
}

SecurePlan PlanFor(SecureMode mode, MaskGraph graph) {
  SecurePlan plan;
  plan.mode = mode;
  plan.graph = graph;
  return plan;
}

SecureCohort::SecureCohort(const Options& options)
    : options_(options),
      random_(options.seed),
      server_(std::make_unique<SecureServer>(Context(), options.plan)),
      masked_(options.sites),
      sum_(options.words, 0) {
  for (int site = 0; site < options.sites; ++site) {
    clients_.push_back(NewClient(site, Context()));
    Words& vector = vectors_.emplace_back(options.words);
    for (uint32_t& word : vector) word = static_cast<uint32_t>(random_.Next());
  }
}

std::string SecureCohort::Name(int site) { return absl::StrFormat("press-%03d", site); }

SecureContext SecureCohort::Context() {
  return {"plants", "bearings", 41, 2, Sha256Of("model"), Sha256Of("plan"), Sha256Of("scaling")};
}

const SigningKey& SecureCohort::IdentityOf(int site) { return FixedIdentity(site).key; }

VerifyingKey SecureCohort::VerifyingKeyOf(int site) {
  return VerifyingKey::FromEd25519(FixedIdentity(site).public_key);
}

CertifiedKey SecureCohort::certified_key() const {
  std::map<std::string, int> numbers;
  for (int site = 0; site < options_.sites; ++site) numbers[Name(site)] = site;
  return [numbers](
             const std::string& site,
             absl::string_view fingerprint) -> absl::StatusOr<std::shared_ptr<const VerifyingKey>> {
    const auto found = numbers.find(site);
    if (found == numbers.end() || fingerprint != FingerprintOf(site)) {
      return absl::PermissionDeniedError("its certificate is not known");
    }
    return FixedIdentity(found->second).verifying;
  };
}

std::unique_ptr<SecureClient> SecureCohort::NewClient(int site,
                                                      const SecureContext& context) const {
  return std::make_unique<SecureClient>(context, options_.plan, options_.floor, Name(site),
                                        CertificateOf(Name(site)), IdentityOf(site));
}

absl::Status SecureCohort::ForEach(const Sites& sites,
                                   const std::function<absl::Status(int)>& step) {
  Sites order = sites;
  if (options_.repeat) order.insert(order.end(), sites.begin(), sites.end());
  random_.Shuffle(std::span(order));
  for (const int site : order) MR_RETURN_IF_ERROR(step(site));
  return absl::OkStatus();
}

absl::Status SecureCohort::Advertise(const Sites& sites) {
  MR_RETURN_IF_ERROR(ForEach(sites, [&](int site) {
    return server_->AddAdvertisement(Name(site), client(site).advertisement(),
                                     VerifyingKeyOf(site));
  }));
  return server_->CloseAdvertising();
}

absl::Status SecureCohort::Share(const Sites& sites) {
  const CertifiedKey known = certified_key();
  MR_RETURN_IF_ERROR(ForEach(sites, [&](int site) -> absl::Status {
    MR_ASSIGN_OR_RETURN(const v1::ShareRequest request,
                        client(site).TakeCohort(server_->cohort(), known));
    return server_->AddShares(Name(site), request);
  }));
  MR_RETURN_IF_ERROR(server_->CloseSharing());
  return ForEach(sites, [&](int site) -> absl::Status {
    MR_ASSIGN_OR_RETURN(const std::vector<v1::SealedShare> shares, server_->SharesFor(Name(site)));
    return client(site).TakeShares(shares);
  });
}

absl::Status SecureCohort::Upload(const Sites& sites) {
  std::vector<std::string> survivors;
  Sites order = sites;
  random_.Shuffle(std::span(order));
  for (const int site : order) {
    MR_ASSIGN_OR_RETURN(const MaskSet masks, client(site).TakeMasks());
    masked_[site] = vectors_[site];
    AddMasks(masked_[site], 0, masks.masks());
    for (size_t i = 0; i < sum_.size(); ++i) sum_[i] += masked_[site][i];
    survivors.push_back(Name(site));
  }
  return server_->CloseMasking(survivors);
}

absl::Status SecureCohort::Agree(const Sites& sites) {
  return ForEach(sites, [&](int site) -> absl::Status {
    MR_ASSIGN_OR_RETURN(const std::string signature,
                        client(site).TakeSurvivors(server_->survivors()));
    if (options_.plan.mode != SecureMode::kMalicious) return absl::OkStatus();
    return server_->AddAgreement(Name(site), signature);
  });
}

absl::Status SecureCohort::Reveal(const Sites& sites) {
  return ForEach(sites, [&](int site) -> absl::Status {
    MR_ASSIGN_OR_RETURN(const v1::UnmaskRequest request,
                        client(site).Reveal(server_->agreements()));
    return server_->AddReveal(Name(site), request);
  });
}

absl::StatusOr<Words> SecureCohort::Unmask() const {
  MR_ASSIGN_OR_RETURN(const MaskSet masks, server_->Recover());
  Words sum = sum_;
  AddMasks(sum, 0, masks.masks());
  return sum;
}

absl::StatusOr<Words> SecureCohort::FromShare(const Sites& sites) {
  MR_RETURN_IF_ERROR(Share(sites));
  return FromUpload(sites);
}

absl::StatusOr<Words> SecureCohort::FromUpload(const Sites& sites) {
  MR_RETURN_IF_ERROR(Upload(sites));
  return FromAgree(sites);
}

absl::StatusOr<Words> SecureCohort::FromAgree(const Sites& sites) {
  MR_RETURN_IF_ERROR(Agree(sites));
  return FromReveal(sites);
}

absl::StatusOr<Words> SecureCohort::FromReveal(const Sites& sites) {
  MR_RETURN_IF_ERROR(Reveal(sites));
  return Unmask();
}

absl::StatusOr<Words> SecureCohort::Run(const Attendance& attendance) {
  MR_RETURN_IF_ERROR(Advertise(attendance.advertise));
  MR_RETURN_IF_ERROR(Share(attendance.share));
  MR_RETURN_IF_ERROR(Upload(attendance.upload));
  MR_RETURN_IF_ERROR(Agree(attendance.agree));
  MR_RETURN_IF_ERROR(Reveal(attendance.reveal));
  return Unmask();
}

Words SecureCohort::PlainSum(const Sites& sites) const {
  Words sum;
  for (int64_t i = 0; i < options_.words; ++i) {
    uint64_t exact = 0;
    for (const int site : sites) exact += vectors_[site][i];
    sum.push_back(static_cast<uint32_t>(exact));
  }
  return sum;
}

}  // namespace millrace::testing
