// SPDX-License-Identifier: Apache-2.0
// A secure round that another process takes up from the store, at every phase.
#include "coordinator/engine/secure_round.h"

#include <gmock/gmock.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "aggregation/secure/mask_stream.h"
#include "aggregation/secure/secure_client.h"
#include "base/status.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/test_federation.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::At;
using ::testing::Each;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::kStart;
using testing::MustApply;
using testing::TestFederation;
using testing::TinyPlan;

constexpr int kMembers = 5;
constexpr int kDropsOut = 3;  // before its upload

std::string NameOf(int site) { return absl::StrCat("press-", site); }

/// Five sites and a coordinator, which ends after each message.
class SecureRestartTest : public ::testing::Test {
 protected:
  void SetUp() override {
    TinyPlan plan;
    plan.secure = "malicious";
    plan.normalization = "none";
    plan.cohort = "target = 5\nminimum = 4\n";
    run_ = testing::NewRun(plan);
    std::vector<std::string> names;
    for (int i = 0; i < kMembers; ++i) names.push_back(NameOf(i));
    MustApply(run_, testing::Opening(run_, names, kStart));
    const RoundState& round = *run_.Current();
    const SecureContext context{
        "plants", run_.id, round.id.round, round.id.attempt, round.model, Sha256Of(run_.plan_text),
        {}};
    for (int i = 0; i < kMembers; ++i) {
      const KeyAndCertificate issued = federation_.Issue(Role::kSite, NameOf(i));
      certificates_.push_back(CertificateDer(issued.certificate_pem).value());
      keys_.push_back(std::make_unique<SigningKey>(SigningKey::FromPem(issued.key_pem).value()));
      clients_.push_back(std::make_unique<SecureClient>(context, run_.plan.secure, SecureFloor(),
                                                        NameOf(i), Sha256Of(certificates_[i]),
                                                        *keys_[i]));
    }
  }

  absl::StatusOr<std::unique_ptr<SecureRound>> TakenUp() const {
    return SecureRound::Create("plants", run_, *run_.Current(), messages_);
  }

  /// The message of a site, as `take` of a coordinator that has just started leaves it.
  absl::Status Hear(int site,
                    const std::function<absl::StatusOr<std::string>(SecureRound& round)>& take) {
    MR_ASSIGN_OR_RETURN(const std::unique_ptr<SecureRound> round, TakenUp());
    MR_ASSIGN_OR_RETURN(std::string bytes, take(*round));
    const RoundState& state = *run_.Current();
    messages_.push_back({state.id, state.secure->phase, NameOf(site), std::move(bytes)});
    MustApply(run_, At(kStart, SiteAdvanced{NameOf(site)}));
    return absl::OkStatus();
  }
  void EndPhase() { MustApply(run_, At(kStart, PhaseClosed{"all are in"})); }

  absl::Status Advertise() {
    for (int i = 0; i < kMembers; ++i) {
      MR_RETURN_IF_ERROR(Hear(i, [&](SecureRound& round) {
        return round.TakeAdvertisement(NameOf(i), clients_[i]->advertisement(), certificates_[i]);
      }));
    }
    EndPhase();
    return absl::OkStatus();
  }

  absl::Status Share() {
    const CertifiedKey key =
        [&](const std::string& site,
            absl::string_view) -> absl::StatusOr<std::shared_ptr<const VerifyingKey>> {
      MR_ASSIGN_OR_RETURN(VerifyingKey found,
                          VerifyingKey::FromCertificate(certificates_[site.back() - '0']));
      return std::make_shared<const VerifyingKey>(std::move(found));
    };
    for (int i = 0; i < kMembers; ++i) {
      MR_RETURN_IF_ERROR(Hear(i, [&](SecureRound& round) -> absl::StatusOr<std::string> {
        MR_ASSIGN_OR_RETURN(const v1::ShareRequest request,
                            clients_[i]->TakeCohort(round.server().cohort(), key));
        return round.TakeShares(NameOf(i), request);
      }));
    }
    EndPhase();
    return absl::OkStatus();
  }

  /// Everybody masks a vector of its number in each word; all but one get it through.
  absl::Status Upload() {
    for (int i = 0; i < kMembers; ++i) {
      MR_ASSIGN_OR_RETURN(const std::unique_ptr<SecureRound> round, TakenUp());
      MR_ASSIGN_OR_RETURN(const auto shares, round->server().SharesFor(NameOf(i)));
      MR_RETURN_IF_ERROR(clients_[i]->TakeShares(shares));
      MR_ASSIGN_OR_RETURN(const MaskSet masks, clients_[i]->TakeMasks());
      if (i == kDropsOut) continue;
      std::vector<uint32_t> vector(sum_.size(), static_cast<uint32_t>(i));
      AddMasks(vector, 0, masks.masks());
      for (size_t k = 0; k < sum_.size(); ++k) sum_[k] += vector[k];
      MustApply(run_, testing::Accepting(NameOf(i), kStart));
    }
    EndPhase();
    return absl::OkStatus();
  }

  absl::Status AgreeAndReveal() {
    for (int i = 0; i < kMembers; ++i) {
      if (i == kDropsOut) continue;
      MR_RETURN_IF_ERROR(Hear(i, [&](SecureRound& round) -> absl::StatusOr<std::string> {
        MR_ASSIGN_OR_RETURN(const std::string signature,
                            clients_[i]->TakeSurvivors(round.server().survivors()));
        return round.TakeAgreement(NameOf(i), signature);
      }));
    }
    EndPhase();
    for (int i = 0; i < kMembers; ++i) {
      if (i == kDropsOut) continue;
      MR_RETURN_IF_ERROR(Hear(i, [&](SecureRound& round) -> absl::StatusOr<std::string> {
        MR_ASSIGN_OR_RETURN(const v1::UnmaskRequest request,
                            clients_[i]->Reveal(round.server().agreements()));
        return round.TakeReveal(NameOf(i), request);
      }));
    }
    return absl::OkStatus();
  }

  const TestFederation federation_;
  RunState run_;
  std::vector<StoredMessage> messages_;
  std::vector<std::string> certificates_;  // DER
  std::vector<std::unique_ptr<SigningKey>> keys_;
  std::vector<std::unique_ptr<SecureClient>> clients_;
  std::vector<uint32_t> sum_ = std::vector<uint32_t>(100, 0);
};

TEST_F(SecureRestartTest, CoordinatorThatEndsAfterEachMessageUnmasksTheSum) {
  MR_ASSERT_OK(Advertise());
  MR_ASSERT_OK(Share());
  MR_ASSERT_OK(Upload());
  MR_ASSERT_OK(AgreeAndReveal());
  MR_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<SecureRound> round, TakenUp());
  ASSERT_TRUE(round->server().CanRecover());
  MR_ASSERT_OK_AND_ASSIGN(const MaskSet masks, round->server().Recover());
  AddMasks(sum_, 0, masks.masks());
  EXPECT_THAT(sum_, Each(0 + 1 + 2 + 4));
}

TEST_F(SecureRestartTest, MessageThatCountsAndIsNotInTheStoreIsNamed) {
  MR_ASSERT_OK(Advertise());
  MR_ASSERT_OK(Share());
  messages_.erase(messages_.begin() + kMembers + 2);
  EXPECT_THAT(TakenUp().status(),
              IsStatus(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("site press-2"), HasSubstr("tiny-1 round"),
                             HasSubstr("phase share: is not in the store"))));
}

TEST_F(SecureRestartTest, MessageThatIsDamagedIsNamed) {
  MR_ASSERT_OK(Advertise());
  messages_[3].bytes.back() ^= 1;
  EXPECT_THAT(TakenUp().status(), IsStatus(absl::StatusCode::kDataLoss,
                                           HasSubstr("site press-3: its message for tiny-1")));
}

TEST_F(SecureRestartTest, MessagesOfAnotherAttemptDoNotCount) {
  MR_ASSERT_OK(Advertise());
  for (StoredMessage& message : messages_) ++message.round.attempt;
  EXPECT_THAT(TakenUp().status(),
              IsStatus(absl::StatusCode::kDataLoss, HasSubstr("is not in the store")));
}

// It is in the store, but the event that counts it was not written any more: the site was not
// answered, and sends it again.
TEST_F(SecureRestartTest, MessageThatDoesNotCountYetMayComeAgain) {
  MR_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<SecureRound> first, TakenUp());
  const auto advertise = [&](SecureRound& round) {
    return round.TakeAdvertisement(NameOf(0), clients_[0]->advertisement(), certificates_[0]);
  };
  MR_ASSERT_OK_AND_ASSIGN(const std::string bytes, advertise(*first));
  const RoundState& state = *run_.Current();
  messages_.push_back({state.id, SecurePhase::kAdvertise, NameOf(0), bytes});
  MR_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<SecureRound> second, TakenUp());
  MR_ASSERT_OK_AND_ASSIGN(const std::string again, advertise(*second));
  EXPECT_EQ(again, bytes);
}

}  // namespace
}  // namespace millrace
