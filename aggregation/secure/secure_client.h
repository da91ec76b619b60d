// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregation/secure/graph.h"
#include "aggregation/secure/mask_set.h"
#include "aggregation/secure/round_keys.h"
#include "aggregation/secure/secure_floor.h"
#include "aggregation/secure/transcript.h"
#include "base/crypto/signature.h"
#include "millrace/v1/secure_aggregation.pb.h"
#include "plan/plan.h"

namespace millrace {

/// The key that verifies an advertisement's signature, if the authority certified it for this site.
using CertifiedKey = std::function<absl::StatusOr<std::shared_ptr<const VerifyingKey>>(
    const std::string& site, absl::string_view fingerprint)>;

/// A site's side of one attempt of a secure round (Bonawitz et al. 2017, Figure 4), free of I/O:
/// messages in, messages out. Each step may be repeated with the same input and gives the same
/// answer; another input, and everything that would show more than the sum, is refused:
/// FAILED_PRECONDITION for a step out of turn or a second story, PERMISSION_DENIED for a signature
/// that does not fit, INVALID_ARGUMENT for a message out of shape. Its secrets die with it. Not
/// thread-safe.
class SecureClient {
 public:
  /// Draws fresh keys. `floor` is the site's own; its mode is for whoever hears of the plan first
  /// (CheckMode). `certificate` is the fingerprint of the certificate that `key` belongs to;
  /// `key` outlives the object.
  SecureClient(const SecureContext& context, const SecurePlan& plan, const SecureFloor& floor,
               std::string site, const Digest& certificate, const SigningKey& key);

  const v1::Advertisement& advertisement() const { return advertisement_; }

  /// The cohort's advertisements: checks every signature and key, and shares this site's secrets.
  absl::StatusOr<v1::ShareRequest> TakeCohort(const std::vector<v1::Advertisement>& cohort,
                                              const CertifiedKey& certified_key);

  /// The neighbours that take part, with their shares for this site. A share that was tampered with
  /// is left out, and named by `tampered`; too few good ones are refused.
  absl::Status TakeShares(const std::vector<v1::SealedShare>& shares);
  const std::vector<std::string>& tampered() const { return tampered_; }

  /// The masks, once: a second vector under the same masks would show the difference.
  absl::StatusOr<MaskSet> TakeMasks();

  /// Whose updates are in. Returns this site's signature over them under `malicious`, else "".
  absl::StatusOr<std::string> TakeSurvivors(const std::vector<int32_t>& survivors);

  /// The SiteSetDigest of those survivors, the same in every attempt. Only after TakeSurvivors.
  Digest SurvivorSet() const;

  /// The shares that unmask the sum of exactly those survivors; under `malicious` only if enough of
  /// them signed the same list.
  absl::StatusOr<v1::UnmaskRequest> Reveal(const std::vector<v1::AgreementSignature>& signatures);

 private:
  struct Member {
    v1::Advertisement advertisement;
    AgreementPublicKey mask_key;
    AgreementPublicKey seal_key;
    std::shared_ptr<const VerifyingKey> identity;
  };

  absl::StatusOr<std::vector<Member>> CheckCohort(const std::vector<v1::Advertisement>& cohort,
                                                  const CertifiedKey& certified_key) const;
  absl::Status ShareSecrets();
  absl::Status CheckSurvivors(const std::vector<int32_t>& survivors) const;
  absl::Status CheckAgreement(const std::vector<v1::AgreementSignature>& signatures) const;
  absl::Status Refuse(absl::StatusCode code, absl::string_view reason) const;
  absl::Status RefuseKeyOf(int32_t member, const absl::Status& why) const;
  const std::string& NameOf(int32_t index) const { return cohort_[index].advertisement.site(); }
  /// This site and its neighbours, as far as `indices` holds them.
  int64_t CountAround(const std::vector<int32_t>& indices) const;

  const SecurePlan plan_;
  const SecureFloor floor_;
  const std::string site_;
  const std::string title_;  // of the round, for messages
  const Digest context_;
  const SigningKey& identity_;
  AgreementKey mask_key_;
  AgreementKey seal_key_;
  MaskSeed seed_;
  v1::Advertisement advertisement_;

  std::vector<Member> cohort_;  // empty before TakeCohort
  int32_t index_ = -1;
  Digest cohort_digest_;
  std::optional<SecureGraph> graph_;
  v1::ShareRequest share_request_;

  std::vector<int32_t> partners_;           // neighbours that take part; empty before TakeShares
  std::map<int32_t, ShareBundle> bundles_;  // theirs for this site, and its own for itself
  std::vector<std::string> tampered_;
  bool masked_ = false;
  std::optional<std::vector<int32_t>> survivors_;
};

}  // namespace millrace
