// SPDX-License-Identifier: Apache-2.0
// Secure rounds through the engine, with sites that are plain calls.
#include <gmock/gmock.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "aggregation/secure/masked_vector.h"
#include "aggregation/secure/secure_client.h"
#include "base/status.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/test_federation.h"
#include "tests/unit/coordinator/engine_rig.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::EngineRig;
using ::testing::HasSubstr;
using testing::HonestUpdate;
using testing::IsStatus;
using testing::SiteUpdate;
using testing::TestFederation;
using testing::TinyPlan;

constexpr int kSites = 5;
constexpr int kThreshold = 4;

std::string SiteName(int site) { return absl::StrCat("press-", site); }

/// Five sites, honest as far as they get, and an engine. Four of them give a secret back.
class SecureEngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    TinyPlan plan;
    plan.rounds = 1;
    plan.secure = "honest_but_curious";
    plan.normalization = "none";
    plan.cohort = "target = 5\nminimum = 4\nwait_s = 0\ndeadline_s = 60\nbackoff_s = 4\n";
    rig_.Start(plan);
    for (int i = 0; i < kSites; ++i) {
      names_.push_back(SiteName(i));
      const KeyAndCertificate issued = federation_.Issue(Role::kSite, SiteName(i));
      certificates_.push_back(CertificateDer(issued.certificate_pem).value());
      keys_.push_back(std::make_unique<SigningKey>(SigningKey::FromPem(issued.key_pem).value()));
    }
  }

  static EngineOptions Options() {
    EngineOptions options;
    options.federation = "plants";
    return options;
  }

  RoundId Round() { return rig_.Run().Current()->id; }

  /// Opens the next attempt: every site comes to it with a new SecureClient.
  void Open() {
    rig_.OpenRound(names_);
    clients_.clear();
    for (int i = 0; i < kSites; ++i) {
      assignment_ = rig_.AssignmentOf(SiteName(i));
      const v1::RoundId& id = assignment_.id();
      const SecureContext context{"plants",
                                  id.run(),
                                  id.round(),
                                  id.attempt(),
                                  Digest::FromBytes(assignment_.model_sha256()).value(),
                                  Sha256Of(assignment_.plan()),
                                  {}};
      clients_.push_back(std::make_unique<SecureClient>(context, rig_.Run().plan.secure,
                                                        SecureFloor(), SiteName(i),
                                                        Sha256Of(certificates_[i]), *keys_[i]));
    }
  }

  absl::StatusOr<std::vector<v1::Advertisement>> Advertise() {
    const auto advertise = [&](int i) {
      return rig_.engine().Advertise(SiteName(i), Round(), clients_[i]->advertisement(),
                                     certificates_[i]);
    };
    for (int i = 0; i < kSites; ++i) MR_RETURN_IF_ERROR(advertise(i).status());
    rig_.engine().Step();
    MR_ASSIGN_OR_RETURN(auto cohort, advertise(0));
    if (!cohort) return absl::InternalError("the cohort is not complete");
    return *std::move(cohort);
  }

  absl::Status Share(const std::vector<v1::Advertisement>& cohort) {
    const CertifiedKey key =
        [&](const std::string& site,
            absl::string_view) -> absl::StatusOr<std::shared_ptr<const VerifyingKey>> {
      MR_ASSIGN_OR_RETURN(VerifyingKey found,
                          VerifyingKey::FromCertificate(certificates_[site.back() - '0']));
      return std::make_shared<const VerifyingKey>(std::move(found));
    };
    std::vector<v1::ShareRequest> requests;
    for (int i = 0; i < kSites; ++i) {
      MR_ASSIGN_OR_RETURN(requests.emplace_back(), clients_[i]->TakeCohort(cohort, key));
      MR_RETURN_IF_ERROR(rig_.engine().Share(SiteName(i), Round(), requests[i]).status());
    }
    rig_.engine().Step();
    for (int i = 0; i < kSites; ++i) {
      MR_ASSIGN_OR_RETURN(const auto shares,
                          rig_.engine().Share(SiteName(i), Round(), requests[i]));
      if (!shares) return absl::InternalError("the sharing is not over");
      MR_RETURN_IF_ERROR(clients_[i]->TakeShares(*shares));
    }
    return absl::OkStatus();
  }

  /// Of all sites.
  absl::Status Upload() {
    const Plan plan = rig_.Run().plan;
    MR_ASSIGN_OR_RETURN(const FixedPoint fixed_point, FixedPointOf(plan));
    for (int i = 0; i < kSites; ++i) {
      const SiteUpdate update = HonestUpdate(SiteName(i), assignment_);
      const MaskedShape shape{assignment_.parameters(), assignment_.statistics(),
                              static_cast<int>(plan.secure.bits)};
      std::vector<uint32_t> words(update.vector.size());
      MR_RETURN_IF_ERROR(EncodeUpdate(shape, fixed_point, WeightShare(plan, update.weight), 0,
                                      update.vector, words));
      for (const uint32_t digit : WeightDigits(update.weight)) words.push_back(digit);
      MR_ASSIGN_OR_RETURN(const MaskSet masks, clients_[i]->TakeMasks());
      AddMasks(words, 0, masks.masks());
      std::string bytes(shape.bytes(), '\0');
      PackWords(shape, 0, words, bytes);
      const UpdateClaim claim{Round(),
                              SiteName(i),
                              shape.bytes(),
                              Digest::FromBytes(assignment_.layout_sha256()).value(),
                              0,
                              true};
      MR_RETURN_IF_ERROR(rig_.Send(claim, Sha256Of(bytes), bytes));
    }
    rig_.engine().Step();
    return absl::OkStatus();
  }

  /// The first `sites` of them help; the others have dropped out.
  absl::Status Unmask(int sites) {
    const RoundId round = Round();
    for (int i = 0; i < sites; ++i) {
      MR_ASSIGN_OR_RETURN(const auto told, rig_.engine().Agree(SiteName(i), round, ""));
      if (!told) return absl::InternalError("the uploads are not over");
      MR_RETURN_IF_ERROR(clients_[i]->TakeSurvivors(told->sites).status());
      MR_ASSIGN_OR_RETURN(const v1::UnmaskRequest request, clients_[i]->Reveal({}));
      MR_RETURN_IF_ERROR(rig_.engine().Unmask(SiteName(i), round, request).status());
    }
    rig_.engine().Step();
    return absl::OkStatus();
  }

  const TestFederation federation_;
  EngineRig rig_{Options()};
  v1::Assignment assignment_;  // the same for all but the site's name
  std::vector<std::string> names_;
  std::vector<std::string> certificates_;  // DER
  std::vector<std::unique_ptr<SigningKey>> keys_;
  std::vector<std::unique_ptr<SecureClient>> clients_;
};

TEST_F(SecureEngineTest, AttemptThatOneSiteTooManyLeavesIsRepeatedWithNewKeysOnly) {
  std::set<std::string> keys;
  for (const int attempt : {1, 2}) {
    ASSERT_NO_FATAL_FAILURE(Open());
    MR_ASSERT_OK_AND_ASSIGN(const std::vector<v1::Advertisement> cohort, Advertise());
    for (const v1::Advertisement& member : cohort) {
      EXPECT_TRUE(keys.insert(member.mask_key()).second) << member.site();
      EXPECT_TRUE(keys.insert(member.seal_key()).second) << member.site();
    }
    MR_ASSERT_OK(Share(cohort));
    MR_ASSERT_OK(Upload());
    MR_ASSERT_OK(Unmask(attempt == 1 ? kThreshold - 1 : kThreshold));
    if (attempt == 2) break;
    EXPECT_EQ(rig_.Run().rounds.back().phase, RoundPhase::kOpen);
    rig_.clock().Advance(absl::Seconds(rig_.Run().plan.secure.phase_s));
    rig_.engine().Step();
    EXPECT_EQ(rig_.Run().rounds.back().phase, RoundPhase::kAbandoned);
    EXPECT_THAT(rig_.Run().rounds.back().note, HasSubstr("3 shares, 4 are needed"));
    EXPECT_EQ(rig_.Run().Newest().version, 0);
    rig_.clock().Advance(absl::Seconds(4));
  }
  const RunState run = rig_.Run();
  EXPECT_EQ(std::ssize(keys), 2 * 2 * kSites);
  ASSERT_GE(run.rounds.size(), 2U);
  EXPECT_EQ(run.rounds[1].id, (RoundId{"tiny-1", 1, 2}));
  EXPECT_EQ(run.rounds[1].phase, RoundPhase::kCommitted);
  EXPECT_EQ(run.Newest().version, 1);
  EXPECT_EQ(run.Newest().sites, kSites);
}

TEST_F(SecureEngineTest, MessagesThatCouldNotBeDroppedAreBeforeTheNextRound) {
  ASSERT_NO_FATAL_FAILURE(Open());
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<v1::Advertisement> cohort, Advertise());
  MR_ASSERT_OK(Share(cohort));
  MR_ASSERT_OK(Upload());
  rig_.store().FailNextDrop();
  MR_ASSERT_OK(Unmask(kThreshold));
  ASSERT_EQ(rig_.Run().rounds.back().phase, RoundPhase::kCommitted);
  EXPECT_FALSE(rig_.store().LoadMessages("tiny-1")->empty());
  rig_.clock().Advance(EngineOptions().retry_after_fault);
  rig_.engine().Step();
  EXPECT_TRUE(rig_.store().LoadMessages("tiny-1")->empty());
  EXPECT_EQ(rig_.Run().rounds.size(), 2U);
}

TEST_F(SecureEngineTest, MoreCertificatesThanTheCohortHasAreRefused) {
  ASSERT_NO_FATAL_FAILURE(Open());
  MR_ASSERT_OK(Advertise().status());
  std::vector<std::string> fingerprints(kSites, Sha256Of(certificates_[1]).ToBytes());
  MR_EXPECT_OK(rig_.engine().Certificates(SiteName(0), Round(), fingerprints).status());
  fingerprints.push_back(fingerprints[0]);
  EXPECT_THAT(rig_.engine().Certificates(SiteName(0), Round(), fingerprints).status(),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("site press-0: tiny-1 round 1"),
                             HasSubstr("asks for 6 certificates, the cohort has 5"))));
}

}  // namespace
}  // namespace millrace
