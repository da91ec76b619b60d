// SPDX-License-Identifier: Apache-2.0
// A site that fails, comes late or lies: it is refused by name, the run goes on to its end, and no
// model ever holds a number that is not finite.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "aggregation/exact_sum.h"
#include "aggregation/weighted_sum.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/engine_rig.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::EngineRig;
using testing::ExpectFinishedAndFinite;
using ::testing::HasSubstr;
using testing::HonestUpdate;
using testing::IsStatus;
using testing::SiteUpdate;
using testing::TinyPlan;

// The most that an upload lets through.
const float kLargest = std::nextafter(kUpdateBound, 0.0f);
const std::vector<std::string> kHonest = {"a", "b"};

/// A run whose first training round is open for a, b and mallory. At its end the honest two finish
/// the run on their own.
class LyingSite : public ::testing::Test {
 protected:
  void SetUp() override {
    rig_.Start({.cohort = "target = 3\nminimum = 2\nwait_s = 0\ndeadline_s = 60\n",
                .normalization = "none"});
    rig_.OpenRound({"a", "b", "mallory"});
    assignment_ = rig_.AssignmentOf("mallory");
    update_ = HonestUpdate("mallory", assignment_);
  }

  void TearDown() override {
    ASSERT_TRUE(rig_.Finish(kHonest));
    ExpectFinishedAndFinite(rig_);
  }

  absl::Status Send() { return Send(Sha256Of(update_.Bytes())); }
  absl::Status Send(const Digest& digest) {
    return rig_.Send(ClaimOf("mallory", assignment_, update_), digest, update_.Bytes());
  }
  bool IsIn() { return rig_.Run().Current()->contributions.contains("mallory"); }

  /// Replaces the update's statistics by these limbs, as many as fit.
  void SetLimb(int64_t index, float value) {
    update_.vector[assignment_.parameters() + index] = value;
  }

  EngineRig rig_;
  v1::Assignment assignment_;
  SiteUpdate update_;  // honest until a test spoils it
};

TEST_F(LyingSite, NumberThatIsNotFiniteIsRefusedAtAnyPosition) {
  const SiteUpdate honest = update_;
  const float infinity = std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < honest.vector.size(); ++i) {
    for (const float bad : {std::nanf(""), infinity, -infinity}) {
      update_ = honest;
      update_.vector[i] = bad;
      EXPECT_THAT(Send(), IsStatus(absl::StatusCode::kInvalidArgument,
                                   AllOf(HasSubstr("site mallory"), HasSubstr("tiny-1"),
                                         HasSubstr(absl::StrCat("element ", i, " is")))));
    }
  }
  EXPECT_FALSE(IsIn());
}

TEST_F(LyingSite, TruthAfterALieIsAccepted) {
  const SiteUpdate honest = update_;
  update_.vector[3] = std::nanf("");
  ASSERT_FALSE(Send().ok());
  update_ = honest;
  MR_EXPECT_OK(Send());
  EXPECT_TRUE(IsIn());
}

TEST_F(LyingSite, WeightThatIsNoNumberIsRefused) {
  for (const double weight : {std::nan(""), -1.0, 0.0, 1e9}) {
    update_.weight = weight;
    EXPECT_THAT(Send(), IsStatus(absl::StatusCode::kInvalidArgument,
                                 AllOf(HasSubstr("site mallory"), HasSubstr("weight"))));
  }
}

TEST_F(LyingSite, WrongLengthIsRefused) {
  update_.vector.push_back(0);
  EXPECT_THAT(Send(), IsStatus(absl::StatusCode::kInvalidArgument,
                               AllOf(HasSubstr("site mallory"), HasSubstr("length 280"))));
}

TEST_F(LyingSite, WrongLayoutIsRefused) {
  assignment_.set_layout_sha256(std::string(32, 'x'));
  EXPECT_THAT(Send(), IsStatus(absl::StatusCode::kInvalidArgument,
                               AllOf(HasSubstr("site mallory"), HasSubstr("layout"))));
}

TEST_F(LyingSite, StaleAndFutureRoundsAreRefused) {
  for (const int64_t round : {0, 2, 1'000'000}) {
    assignment_.mutable_id()->set_round(round);
    EXPECT_THAT(Send(), IsStatus(absl::StatusCode::kFailedPrecondition,
                                 AllOf(HasSubstr(absl::StrCat("tiny-1 round ", round)),
                                       HasSubstr("current is tiny-1 round 1 attempt 1"))));
  }
}

TEST_F(LyingSite, UpdateForAClosedRoundIsRefused) {
  for (const std::string& site : kHonest) MR_ASSERT_OK(rig_.SendHonest(site));
  rig_.clock().Advance(absl::Seconds(60));
  rig_.engine().Step();
  EXPECT_THAT(Send(), IsStatus(absl::StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr("site mallory"), HasSubstr("round 1"))));
}

TEST_F(LyingSite, UploadThatOutlivesItsRoundIsRefusedAtItsEnd) {
  const std::string bytes = update_.Bytes();
  const UpdateClaim claim = ClaimOf("mallory", assignment_, update_);
  MR_ASSERT_OK(rig_.engine().BeginUpload(claim, Sha256Of(bytes)));
  MR_ASSERT_OK_AND_ASSIGN(const auto upload, rig_.engine().FindUpload("mallory", claim.round));
  for (const std::string& site : kHonest) MR_ASSERT_OK(rig_.SendHonest(site));
  rig_.clock().Advance(absl::Seconds(60));
  rig_.engine().Step();
  // Bytes may still arrive; they count for nothing.
  upload->Append(0, {bytes.data(), bytes.size()}).IgnoreError();
  EXPECT_THAT(rig_.engine().FinishUpload(*upload),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("site mallory")));
  EXPECT_EQ(rig_.Run().Newest().sites, 2);
}

TEST_F(LyingSite, SecondUpdateWithOtherBytesIsRefused) {
  MR_ASSERT_OK(Send());
  const std::string first = Sha256Of(update_.Bytes()).Hex();
  MR_EXPECT_OK(Send()) << "the same bytes are a harmless retry";
  update_.vector[0] += 1;
  EXPECT_THAT(Send(), IsStatus(absl::StatusCode::kAlreadyExists,
                               AllOf(HasSubstr("site mallory"), HasSubstr("another update"),
                                     HasSubstr(first))));
  EXPECT_EQ(rig_.Run().Current()->contributions.at("mallory").digest.Hex(), first);
}

TEST_F(LyingSite, WrongDigestIsRefusedAndTheUpdateCanBeSentAgain) {
  EXPECT_THAT(Send(Sha256Of("other bytes")),
              IsStatus(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("site mallory"), HasSubstr(Sha256Of(update_.Bytes()).Hex()),
                             HasSubstr(Sha256Of("other bytes").Hex()))));
  EXPECT_FALSE(IsIn());
  MR_EXPECT_OK(Send());
}

TEST_F(LyingSite, BytesSpoiltOnTheWayCanBeSentAgainUnderTheSameDigest) {
  const SiteUpdate honest = update_;
  const Digest digest = Sha256Of(honest.Bytes());
  update_.vector[0] += 1;
  ASSERT_THAT(Send(digest), IsStatus(absl::StatusCode::kDataLoss, HasSubstr("send it again")));
  update_ = honest;
  MR_EXPECT_OK(Send(digest));
  EXPECT_TRUE(IsIn());
}

TEST_F(LyingSite, TruncatedUpdateDoesNotCount) {
  const std::string bytes = update_.Bytes();
  const std::string half = bytes.substr(0, bytes.size() / 2);
  EXPECT_THAT(rig_.Send(ClaimOf("mallory", assignment_, update_), Sha256Of(bytes), half),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("site mallory"),
                             HasSubstr(absl::StrCat("has ", half.size(), " of ", bytes.size())))));
  EXPECT_FALSE(IsIn());
}

TEST_F(LyingSite, MoreBytesThanAnnouncedAreRefused) {
  EXPECT_THAT(rig_.Send(ClaimOf("mallory", assignment_, update_), Sha256Of(update_.Bytes()),
                        update_.Bytes() + "surplus bytes"),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("site mallory"), HasSubstr("beyond the"))));
}

TEST_F(LyingSite, StatisticThatIsNoEncodingIsRefused) {
  const SiteUpdate honest = update_;
  for (const float bad : {-1.0f, 0.5f, 65536.0f, kLargest}) {
    for (const int64_t limb : {0, 7, 29}) {
      update_ = honest;
      SetLimb(limb, bad);
      EXPECT_THAT(Send(), IsStatus(absl::StatusCode::kInvalidArgument,
                                   AllOf(HasSubstr("site mallory"), HasSubstr("round 1"),
                                         HasSubstr("statistic"))))
          << bad << " at " << limb;
    }
  }
  EXPECT_FALSE(IsIn());
}

TEST_F(LyingSite, StatisticTooLargeToBeSummedIsRefused) {
  // The top digit of the second number, 2^94 and more: the sum of some such would turn negative.
  SetLimb(2 * kExactLimbs - 1, 0x7fff);
  EXPECT_THAT(Send(), IsStatus(absl::StatusCode::kInvalidArgument,
                               AllOf(HasSubstr("site mallory"), HasSubstr("2^94"))));
}

TEST_F(LyingSite, NegativeStatisticIsRefused) {
  // -1 in the first place, the count of examples.
  const std::vector<float> limbs = EncodeExact(std::vector<double>{-1}).value();
  for (size_t i = 0; i < limbs.size(); ++i) SetLimb(static_cast<int64_t>(i), limbs[i]);
  EXPECT_THAT(Send(), IsStatus(absl::StatusCode::kInvalidArgument,
                               AllOf(HasSubstr("site mallory"), HasSubstr("statistic 0 is -1"))));
}

TEST_F(LyingSite, UninvitedSiteIsRefused) {
  EXPECT_THAT(
      rig_.Send(ClaimOf("eve", assignment_, update_), Sha256Of(update_.Bytes()), update_.Bytes()),
      IsStatus(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("site eve"), HasSubstr("not invited"))));
}

TEST_F(LyingSite, AppendWithoutBeginningIsRefused) {
  EXPECT_THAT(rig_.engine().FindUpload("mallory", {"tiny-1", 1, 1}),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("site mallory"), HasSubstr("BeginUpload"))));
}

TEST_F(LyingSite, SilentSiteHoldsTheRoundNoLongerThanItsDeadline) {
  for (const std::string& site : kHonest) MR_ASSERT_OK(rig_.SendHonest(site));
  EXPECT_EQ(rig_.engine().Step(), rig_.Run().Current()->deadline);
  rig_.clock().Set(rig_.Run().Current()->deadline);
  rig_.engine().Step();
  EXPECT_EQ(rig_.Run().Newest().version, 1);
  EXPECT_EQ(rig_.Run().rounds[0].note, "deadline");
}

TEST_F(LyingSite, LargestDeltasLeaveTheModelFinite) {
  for (int64_t i = 0; i < assignment_.parameters(); ++i) {
    update_.vector[i] = kLargest;
  }
  MR_ASSERT_OK(Send());
  for (const std::string& site : kHonest) MR_ASSERT_OK(rig_.SendHonest(site));
  rig_.engine().Step();
  EXPECT_EQ(rig_.Run().Newest().version, 1);
}

TEST(LyingSiteWithoutClipping, DeltaBeyondTheBoundIsRefusedAndTheRunGoesOn) {
  EngineRig rig;
  rig.Start({.cohort = "target = 3\nminimum = 2\nwait_s = 0\n",
             .update = "max_weight = 1000\nclip_norm = 100\n",
             .normalization = "none"});
  rig.OpenRound({"a", "b", "mallory"});
  const v1::Assignment assignment = rig.AssignmentOf("mallory");
  SiteUpdate update = HonestUpdate("mallory", assignment);
  update.vector[0] = 1e6F;
  EXPECT_THAT(
      rig.Send(ClaimOf("mallory", assignment, update), Sha256Of(update.Bytes()), update.Bytes()),
      IsStatus(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("site mallory"), HasSubstr("tiny-1 round 1"),
                     HasSubstr("L2 norm of 1e+06"), HasSubstr("clip_norm is 100"))));
  EXPECT_TRUE(rig.Run().Current()->contributions.empty());
  ASSERT_TRUE(rig.Finish(kHonest));
  ExpectFinishedAndFinite(rig);
}

TEST(LyingStatistics, SiteWhoseChannelsCountDifferentRowsDoesNotSpoilTheScaling) {
  EngineRig rig;
  std::string plan = TinyPlan{.cohort = "target = 3\nminimum = 2\nwait_s = 0\n"}.Text();
  plan.replace(plan.find("[\"heat\"]"), 8, "[\"heat\", \"flow\"]");
  MR_ASSERT_OK(rig.engine().StartRun(plan));
  rig.OpenRound({"a", "b", "mallory"});
  const auto send = [&](const std::string& site, std::vector<double> moments) {
    const v1::Assignment assignment = rig.AssignmentOf(site);
    const SiteUpdate update{EncodeExact(moments).value(), 1};
    return rig.Send(ClaimOf(site, assignment, update), Sha256Of(update.Bytes()), update.Bytes());
  };
  EXPECT_THAT(send("mallory", {10, 1, 1, 11, 1, 1}),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("site mallory"), HasSubstr("statistic 3 is 11"))));
  MR_ASSERT_OK(send("a", {10, 1, 1, 10, 1, 1}));
  MR_ASSERT_OK(send("b", {10, 1, 1, 10, 1, 1}));
  MR_ASSERT_OK(rig.engine().ReportFailure("mallory", {"tiny-1", 0, 1}, "refused"));
  rig.engine().Step();
  ASSERT_TRUE(rig.Run().scaling);
  EXPECT_EQ(rig.Run().scaling->overall.count, 20);
}

}  // namespace
}  // namespace millrace
