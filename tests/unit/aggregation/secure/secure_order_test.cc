// SPDX-License-Identifier: Apache-2.0
// Steps out of turn, and steps that are repeated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/aggregation/secure/secure_cohort.h"

namespace millrace {
namespace {

using namespace testing;  // NOLINT: the cohort's words
using absl::StatusCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SecureOrderTest : public ::testing::TestWithParam<SecureMode> {
 protected:
  // Each is refused before its turn.
  void ExpectNoShares() {
    EXPECT_THAT(client().TakeShares({}),
                Refuses(0, StatusCode::kFailedPrecondition, "has no cohort yet"));
  }
  void ExpectNoMasks() {
    EXPECT_THAT(client().TakeMasks(),
                Refuses(0, StatusCode::kFailedPrecondition, "has no partners to mask with yet"));
  }
  void ExpectNoSurvivors() {
    EXPECT_THAT(client().TakeSurvivors({0, 1, 2, 3, 4, 5}),
                Refuses(0, StatusCode::kFailedPrecondition, "has sent no update yet"));
  }
  void ExpectNoReveal() {
    EXPECT_THAT(client().Reveal({}),
                Refuses(0, StatusCode::kFailedPrecondition, "was not told who survived"));
  }
  void ExpectServerTakes(bool shares, bool agreement, bool reveal) {
    const auto taken = [](const absl::Status& status) {
      return status.code() != StatusCode::kFailedPrecondition;
    };
    SecureServer& server = cohort_.server();
    EXPECT_EQ(taken(server.AddShares("press-000", {})), shares);
    EXPECT_EQ(taken(server.AddAgreement("press-000", "")), agreement);
    v1::UnmaskRequest bad;
    bad.add_shares()->set_neighbour(-1);
    EXPECT_EQ(taken(server.AddReveal("press-000", bad)), reveal);
    EXPECT_FALSE(server.CanRecover());
  }
  void ExpectNothingToRecover() {
    EXPECT_FALSE(cohort_.server().CanRecover());
    EXPECT_THAT(cohort_.server().Recover(),
                IsStatus(StatusCode::kFailedPrecondition,
                         HasSubstr("bearings round 41 attempt 2: nobody has survived yet")));
  }

  SecureClient& client() { return cohort_.client(0); }

  const Sites all_ = FirstSites(6);
  SecureCohort cohort_{{.plan = PlanFor(GetParam())}};
};

INSTANTIATE_TEST_SUITE_P(Modes, SecureOrderTest, ::testing::ValuesIn(kMaskedModes),
                         [](const auto& mode) { return std::string(millrace::Name(mode.param)); });

TEST_P(SecureOrderTest, ASiteRefusesEveryStepBeforeItsTurn) {
  ExpectNoShares();
  ExpectNoMasks();
  ExpectNoSurvivors();
  ExpectNoReveal();
  MR_ASSERT_OK(cohort_.Advertise(all_));
  MR_ASSERT_OK(client().TakeCohort(cohort_.server().cohort(), cohort_.certified_key()));
  ExpectNoMasks();
  ExpectNoSurvivors();
  ExpectNoReveal();
  MR_ASSERT_OK(cohort_.Share(all_));
  ExpectNoSurvivors();
  ExpectNoReveal();
  MR_ASSERT_OK(cohort_.Upload(all_));
  ExpectNoReveal();
  EXPECT_THAT(cohort_.FromAgree(all_), IsOkAndHolds(cohort_.PlainSum(all_)));
}

TEST_P(SecureOrderTest, TheCoordinatorRefusesEveryMessageBeforeItsTurn) {
  ExpectServerTakes(false, false, false);
  ExpectNothingToRecover();
  MR_ASSERT_OK(cohort_.Advertise(all_));
  ExpectServerTakes(true, false, false);
  ExpectNothingToRecover();
  MR_ASSERT_OK(cohort_.Share(all_));
  ExpectServerTakes(true, false, false);  // ALREADY_EXISTS now
  ExpectNothingToRecover();
  MR_ASSERT_OK(cohort_.Upload(all_));
  ExpectServerTakes(true, true, true);
  EXPECT_THAT(cohort_.FromAgree(all_), IsOkAndHolds(cohort_.PlainSum(all_)));
}

TEST_P(SecureOrderTest, TheCoordinatorClosesNoPhaseBeforeTheOneBefore) {
  SecureServer& server = cohort_.server();
  EXPECT_THAT(server.CloseSharing(),
              IsStatus(StatusCode::kFailedPrecondition, HasSubstr("0 sites shared")));
  EXPECT_THAT(server.CloseMasking({"press-000"}),
              Refuses(0, StatusCode::kFailedPrecondition, "is not in the cohort"));
  EXPECT_THAT(server.CloseMasking({}), IsStatus(StatusCode::kFailedPrecondition, HasSubstr("")));
  EXPECT_THAT(server.SharesFor("press-000"),
              Refuses(0, StatusCode::kFailedPrecondition, "is not in the cohort"));
  MR_ASSERT_OK(cohort_.Advertise(all_));
  EXPECT_THAT(server.SharesFor("press-000"), Refuses(0, StatusCode::kFailedPrecondition, ""));
  EXPECT_THAT(server.CloseMasking({"press-000", "press-001", "press-002", "press-003"}),
              Refuses(0, StatusCode::kFailedPrecondition, "survived without having shared"));
  EXPECT_THAT(server.survivors(), IsEmpty());
  EXPECT_THAT(cohort_.FromShare(all_), IsOkAndHolds(cohort_.PlainSum(all_)));
}

// As after a crash, when a coordinator acts on a phase's end again.
TEST_P(SecureOrderTest, ClosingAPhaseAgainChangesNothing) {
  SecureServer& server = cohort_.server();
  const Sites in = {0, 1, 3, 4, 5};
  MR_ASSERT_OK(cohort_.Advertise(all_));
  MR_EXPECT_OK(server.CloseAdvertising());
  EXPECT_EQ(server.cohort().size(), 6u);
  MR_ASSERT_OK(cohort_.Share(all_));
  MR_EXPECT_OK(server.CloseAdvertising());
  MR_EXPECT_OK(server.CloseSharing());
  MR_ASSERT_OK(cohort_.Upload(in));
  std::vector<std::string> names;
  for (const int site : in) names.push_back(SecureCohort::Name(site));
  MR_EXPECT_OK(server.CloseMasking(names));
  MR_EXPECT_OK(server.CloseSharing());
  EXPECT_THAT(cohort_.FromAgree(in), IsOkAndHolds(cohort_.PlainSum(in)));
}

TEST_P(SecureOrderTest, MasksAreGivenOnceAndForOneVector) {
  MR_ASSERT_OK(cohort_.Advertise(all_));
  MR_ASSERT_OK(cohort_.Share(all_));
  MR_ASSERT_OK(cohort_.Upload(all_));
  EXPECT_THAT(client().TakeMasks(), Refuses(0, StatusCode::kFailedPrecondition,
                                            "has masked a vector in this attempt already"));
  EXPECT_THAT(cohort_.FromAgree(all_), IsOkAndHolds(cohort_.PlainSum(all_)));
}

TEST_P(SecureOrderTest, EveryStepOfASiteMayBeRepeatedWithTheSameAnswer) {
  MR_ASSERT_OK(cohort_.Advertise(all_));
  const auto shares = [&] {
    return client()
        .TakeCohort(cohort_.server().cohort(), cohort_.certified_key())
        ->SerializeAsString();
  };
  const std::string first_shares = shares();
  EXPECT_EQ(shares(), first_shares);
  MR_ASSERT_OK(cohort_.Share(all_));
  MR_ASSERT_OK(client().TakeShares(cohort_.server().SharesFor("press-000").value()));
  EXPECT_EQ(shares(), first_shares) << "in a later phase as well";
  MR_ASSERT_OK(cohort_.Upload(all_));
  MR_ASSERT_OK(client().TakeShares(cohort_.server().SharesFor("press-000").value()));
  MR_ASSERT_OK(cohort_.Agree(all_));
  const auto signature = [&] {  // Ed25519 signs the same way each time
    return client().TakeSurvivors(cohort_.server().survivors()).value();
  };
  EXPECT_EQ(signature(), signature());
  const auto reveal = [&] {
    return client().Reveal(cohort_.server().agreements())->SerializeAsString();
  };
  const std::string first_reveal = reveal();
  EXPECT_EQ(reveal(), first_reveal);
  EXPECT_EQ(shares(), first_shares);
  EXPECT_EQ(reveal(), first_reveal);
  EXPECT_THAT(cohort_.FromAgree(all_), IsOkAndHolds(cohort_.PlainSum(all_)));
}

TEST_P(SecureOrderTest, ASiteTakesOneCohortAndNoOther) {
  MR_ASSERT_OK(cohort_.Advertise(all_));
  MR_ASSERT_OK(client().TakeCohort(cohort_.server().cohort(), cohort_.certified_key()));
  std::vector<v1::Advertisement> smaller = cohort_.server().cohort();
  smaller.pop_back();
  EXPECT_THAT(client().TakeCohort(smaller, cohort_.certified_key()),
              Refuses(0, StatusCode::kFailedPrecondition, "was shown another cohort before"));
  EXPECT_THAT(cohort_.FromShare(all_), IsOkAndHolds(cohort_.PlainSum(all_)));
}

TEST(SecureContextTest, EveryAttemptHasKeysOfItsOwn) {
  const SecureCohort cohort({});
  const auto first = cohort.NewClient(0, SecureCohort::Context());
  const auto second = cohort.NewClient(0, SecureCohort::Context());
  EXPECT_NE(first->advertisement().mask_key(), second->advertisement().mask_key());
  EXPECT_NE(first->advertisement().seal_key(), second->advertisement().seal_key());
  EXPECT_NE(first->advertisement().nonce(), second->advertisement().nonce());
}

}  // namespace
}  // namespace millrace
