// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregation/secure/secure_client.h"
#include "aggregation/secure/secure_server.h"
#include "base/crypto/signature.h"
#include "base/random.h"
#include "plan/plan.h"
#include "tests/testing/status_matchers.h"

namespace millrace::testing {

/// Numbers of sites, ascending.
using Sites = std::vector<int>;
using Words = std::vector<uint32_t>;

Sites FirstSites(int64_t count);
Sites Without(const Sites& sites, const Sites& left_out);
/// Every choice of at least `fewest` of them.
std::vector<Sites> ChoicesOf(const Sites& sites, size_t fewest);

/// Who gets how far in a round.
struct Attendance {
  Sites advertise, share, upload, agree, reveal;
  static Attendance Of(const Sites& sites) { return {sites, sites, sites, sites, sites}; }
};

/// One attempt of a secure round in memory: sites with identities of their own and vectors of
/// words, and the coordinator. Messages of a phase arrive in an order drawn from the seed.
class SecureCohort {
 public:
  struct Options {
    int64_t sites = 6;
    SecurePlan plan = {};
    SecureFloor floor = {};  // of every site
    int64_t words = 300;
    uint64_t seed = 1;
    bool repeat = false;  // every message comes twice, with others' in between
  };
  explicit SecureCohort(const Options& options);

  /// "press-007": ascending as the numbers are.
  static std::string Name(int site);
  /// Of the round, which messages call "bearings round 41 attempt 2".
  static SecureContext Context();
  static const SigningKey& IdentityOf(int site);
  static VerifyingKey VerifyingKeyOf(int site);
  /// Knows exactly the cohort's sites.
  CertifiedKey certified_key() const;

  /// A site as it comes to another round, or to this one anew.
  std::unique_ptr<SecureClient> NewClient(int site, const SecureContext& context) const;

  SecureServer& server() { return *server_; }
  SecureClient& client(int site) { return *clients_[site]; }
  Words& vector(int site) { return vectors_[site]; }
  const Words& masked(int site) const { return masked_[site]; }

  // The phases, each with the sites that get through it; the coordinator closes it behind them.

  absl::Status Advertise(const Sites& sites);
  absl::Status Share(const Sites& sites);
  absl::Status Upload(const Sites& sites);
  absl::Status Agree(const Sites& sites);
  absl::Status Reveal(const Sites& sites);
  absl::StatusOr<Words> Unmask() const;

  // The rest of the round with everybody in `sites`, up to the sum.

  absl::StatusOr<Words> FromShare(const Sites& sites);
  absl::StatusOr<Words> FromUpload(const Sites& sites);
  absl::StatusOr<Words> FromAgree(const Sites& sites);
  absl::StatusOr<Words> FromReveal(const Sites& sites);
  absl::StatusOr<Words> Run(const Attendance& attendance);

  /// The sum without masks, in 64 bits and then modulo 2^32.
  Words PlainSum(const Sites& sites) const;

 private:
  absl::Status ForEach(const Sites& sites, const std::function<absl::Status(int)>& step);

  const Options options_;
  Random random_;
  std::unique_ptr<SecureServer> server_;
  std::vector<std::unique_ptr<SecureClient>> clients_;
  std::vector<Words> vectors_;
  std::vector<Words> masked_;
  Words sum_;  // of the masked ones
};

/// As a site does that wants the coordinator to keep more of it than the protocol has.
inline void AddUnknownField(google::protobuf::Message* message) {
  message->GetReflection()->MutableUnknownFields(message)->AddLengthDelimited(
      2000, std::string(100'000, 'x'));
}

SecurePlan PlanFor(SecureMode mode, MaskGraph graph = MaskGraph::kComplete);
inline constexpr SecureMode kMaskedModes[] = {SecureMode::kHonestButCurious,
                                              SecureMode::kMalicious};

/// The sum under masks of a cohort of which `who` does its part is the plain sum.
inline void ExpectPlainSum(const SecureCohort::Options& options, const Attendance& who) {
  SecureCohort cohort(options);
  EXPECT_THAT(cohort.Run(who), IsOkAndHolds(cohort.PlainSum(who.upload)))
      << who.share.size() << " of " << options.sites << " shared, " << who.upload.size()
      << " uploaded, " << who.reveal.size() << " revealed; seed " << options.seed;
}

/// A refusal by site `site`, or of it, in the round of SecureCohort::Context.
inline auto Refuses(int site, absl::StatusCode code, const std::string& reason) {
  using ::testing::AllOf;
  using ::testing::HasSubstr;
  return IsStatus(code, AllOf(HasSubstr("site " + SecureCohort::Name(site) + ": "),
                              HasSubstr("bearings round 41 attempt 2: "), HasSubstr(reason)));
}

}  // namespace millrace::testing
