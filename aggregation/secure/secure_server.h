// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregation/secure/graph.h"
#include "aggregation/secure/mask_set.h"
#include "aggregation/secure/round_keys.h"
#include "aggregation/secure/share_recovery.h"
#include "aggregation/secure/transcript.h"
#include "base/crypto/signature.h"
#include "millrace/v1/secure_aggregation.pb.h"
#include "plan/plan.h"

namespace millrace {

/// The coordinator's side of one attempt of a secure round, free of I/O and clock: it collects and
/// checks the sites' messages phase by phase, whoever drives it says when a phase is over. A
/// message that was taken is acknowledged again when it is repeated; another one of the same site
/// is ALREADY_EXISTS, one out of turn FAILED_PRECONDITION, one out of shape INVALID_ARGUMENT, one
/// with a signature that does not fit PERMISSION_DENIED. Neither how long the site would wait nor
/// fields that are not known are part of a message. A phase that is closed again, as it was
/// before, stays as it is. Not thread-safe.
class SecureServer {
 public:
  SecureServer(const SecureContext& context, const SecurePlan& plan);

  absl::Status AddAdvertisement(const std::string& site, const v1::Advertisement& sent,
                                VerifyingKey identity);
  /// Those who advertised are the cohort now. FAILED_PRECONDITION if they are too few.
  absl::Status CloseAdvertising();
  /// By site, ascending; a site's index is its place.
  const std::vector<v1::Advertisement>& cohort() const { return cohort_; }
  /// FAILED_PRECONDITION for a site that is not in the cohort.
  absl::StatusOr<int32_t> IndexOf(const std::string& site) const;

  absl::Status AddShares(const std::string& site, const v1::ShareRequest& request);
  /// Those who shared mask with each other from now on. FAILED_PRECONDITION if they are too few.
  absl::Status CloseSharing();
  /// What the neighbours of `site` that take part have sealed for it.
  absl::StatusOr<std::vector<v1::SealedShare>> SharesFor(const std::string& site) const;

  /// Exactly the updates of these sites are in. FAILED_PRECONDITION if they are too few, have not
  /// shared, or are not those that were named before.
  absl::Status CloseMasking(const std::vector<std::string>& survivors);
  /// Indices, ascending.
  const std::vector<int32_t>& survivors() const { return survivors_; }

  absl::Status AddAgreement(const std::string& site, const std::string& signature);
  std::vector<v1::AgreementSignature> agreements() const;

  absl::Status AddReveal(const std::string& site, const v1::UnmaskRequest& request);
  /// True once Recover has all it needs.
  bool CanRecover() const;
  /// The masks that are in the sum of the survivors' vectors, with the sign that takes them off.
  /// FAILED_PRECONDITION before CloseMasking, and naming the site whose secret cannot be
  /// reconstructed: too few shares, or too many of them wrong.
  absl::StatusOr<MaskSet> Recover() const;

 private:
  struct Revealed {  // by index
    std::vector<GatheredShares<16>> seeds;
    std::vector<GatheredShares<32>> mask_keys;
  };
  struct Advertised {
    v1::Advertisement advertisement;
    VerifyingKey identity;
  };
  struct Member {
    Member(const AgreementPublicKey& key, VerifyingKey verifying)
        : mask_key(key), identity(std::move(verifying)) {}

    AgreementPublicKey mask_key;
    VerifyingKey identity;
    std::optional<v1::ShareRequest> shares;
    std::optional<std::string> agreement;
    std::optional<v1::UnmaskRequest> reveal;
    bool takes_part = false;
    bool survived = false;
  };

  absl::Status Refuse(absl::StatusCode code, const std::string& site,
                      absl::string_view reason) const;
  absl::Status TooFew(absl::string_view what, int64_t found, int64_t needed) const;
  /// OK if those who are `in` are enough for the sites to go on and for every secret that will be
  /// needed.
  absl::Status CheckEnough(const std::vector<bool>& in, absl::string_view what) const;
  /// Neighbours that take part: those whose masks a site's vector has.
  std::vector<int32_t> Partners(int32_t index) const;
  Revealed Gather() const;
  absl::Status RecoverOwnMask(int32_t index, const GatheredShares<16>& gathered,
                              MaskSet& masks) const;
  absl::Status RecoverPairMasks(int32_t index, const GatheredShares<32>& gathered,
                                MaskSet& masks) const;

  const SecurePlan plan_;
  const std::string title_;
  const Digest context_;

  std::map<std::string, Advertised> advertised_;
  std::vector<v1::Advertisement> cohort_;  // empty before CloseAdvertising
  std::vector<Member> members_;            // as cohort_
  Digest cohort_digest_;
  std::optional<SecureGraph> graph_;
  bool sharing_closed_ = false;
  std::vector<int32_t> survivors_;  // empty before CloseMasking
};

}  // namespace millrace
