// SPDX-License-Identifier: Apache-2.0
// What is asked of a model's time, and who vouches for it, while it serves.
#include <gmock/gmock.h>

#include "client/release/releases.h"
#include "tests/unit/client/release/releases_fixture.h"

namespace millrace {
namespace {

using ::millrace::testing::ToyPackage;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kWatchMs = 1'000'000;
constexpr char kRevokedFile[] = "site/authority.crt.revoked";

using ReleasesWatchTest = ReleasesTest;

TEST_F(ReleasesWatchTest, FirstModelIsHeldToTheSitesBudget) {
  demands_ = {PumpOfReleases(), /*budget_p99_ms=*/10, /*fresh_s=*/30};
  Start();
  ills_[0.5F].takes_ns = 20 * kWatchMs;
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 0);
  EXPECT_EQ(VersionIn("refused"), 1);
  ills_[0.5F].takes_ns = 5 * kWatchMs;
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
}

TEST_F(ReleasesWatchTest, ModelThatCannotKeepPaceIsRefusedWhateverTheBudget) {
  demands_ = {PumpOfReleases(), /*budget_p99_ms=*/0, /*fresh_s=*/30};
  Start();
  ills_[0.5F].takes_ns = 5 * kNsPerS;  // a window of four rows at 1 Hz comes due every 4 s
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 0);
  ills_[0.5F].takes_ns = 3 * kNsPerS;
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
}

TEST_F(ReleasesWatchTest, WhatServesGoesOnUnderABudgetThatItDoesNotKeep) {
  ills_[0.5F].takes_ns = 20 * kWatchMs;
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  demands_ = {PumpOfReleases(), /*budget_p99_ms=*/10, /*fresh_s=*/3};
  Start();
  EXPECT_EQ(Version(), 1);
}

TEST_F(ReleasesWatchTest, ModelWhoseVerdictsGoStaleBeforeTheNextIsNotInstalled) {
  demands_ = {PumpOfReleases(), /*budget_p99_ms=*/10, /*fresh_s=*/3};
  Start();
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 0);
  EXPECT_EQ(VersionIn("refused"), 1);
}

TEST_F(ReleasesWatchTest, ModelInstalledBeforeARestartIsStillWatchedForItsTime) {
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(2, 0.6F))), 2);
  Start();  // as after a kill -9
  ASSERT_EQ(Version(), 2);
  ills_[0.6F].takes_ns = 500 * kWatchMs;
  Feed(120);
  EXPECT_EQ(Look(), 1);
  EXPECT_EQ(VersionIn("refused"), 2);
}

TEST_F(ReleasesWatchTest, WhatAModelWasForgivenIsForgivenAfterARestart) {
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(2, 0.6F))), 2);
  const std::string digest = ParsePackage(ToyPackage(2, 0.6F))->manifest.parameters_sha256();
  const int64_t slow_ns = models_.SlowNs(digest);
  ASSERT_GT(slow_ns, 0);
  ills_[0.5F].takes_ns = ills_[0.6F].takes_ns = 5 * kWatchMs;  // training runs
  Feed(120);
  ASSERT_EQ(Look(), 2);
  EXPECT_GT(models_.SlowNs(digest), slow_ns);
}

TEST_F(ReleasesWatchTest, RevocationEndsWhatServesWithoutARestart) {
  ASSERT_EQ(Install(By({"bob"}, ToyPackage(1, 0.5F))), 1);
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(2, 0.6F))), 2);
  Revoke("ada");
  EXPECT_EQ(Look(), 1) << "which bob has signed";
  EXPECT_EQ(VersionIn("current"), 1);
  EXPECT_EQ(VersionIn("refused"), 2);
}

TEST_F(ReleasesWatchTest, RevokedModelJudgesNothingMoreWhileTheOneBeforeIsMadeReady) {
  ASSERT_EQ(Install(By({"bob"}, ToyPackage(1, 0.5F))), 1);
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(2, 0.6F))), 2);
  Revoke("ada");
  std::string meanwhile;
  on_load_ = [&] {
    Feed(1);
    meanwhile = reason_;
  };
  EXPECT_EQ(Look(), 1);
  EXPECT_THAT(meanwhile, HasSubstr("none that a publisher vouches for"));
  Feed(1);
  EXPECT_EQ(reason_, "");
}

TEST_F(ReleasesWatchTest, WithNobodyToVouchForAnyVersionThereAreNoVerdicts) {
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(2, 0.6F))), 2);
  Feed(1);
  EXPECT_EQ(reason_, "");
  Revoke("ada");
  EXPECT_EQ(Look(), 0);
  EXPECT_THAT(releases_->ServedModels(), IsEmpty());
  Feed(1);
  EXPECT_THAT(reason_, HasSubstr("none that a publisher vouches for"));
  EXPECT_EQ(VersionIn("current"), 2) << "for people to look at";
  EXPECT_EQ(Look(absl::Minutes(1)), 0) << "it is not forgotten";
  EXPECT_EQ(Install(By({"bob"}, ToyPackage(3, 0.7F))), 3);
  Feed(1);
  EXPECT_EQ(reason_, "");
}

TEST_F(ReleasesWatchTest, RevocationOfOneOfSeveralPublishersLeavesTheOthers) {
  ASSERT_EQ(Install(By({"ada", "bob"}, ToyPackage(1, 0.5F))), 1);
  Revoke("ada");
  EXPECT_EQ(Look(), 1);
  EXPECT_THAT(releases_->ServedModels()[0].publishers, ElementsAre("bob"));
}

TEST_F(ReleasesWatchTest, ListThatCannotBeReadTakesNothingAway) {
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  MR_ASSERT_OK(WriteFileDurably(&files_, kRevokedFile, "torn"));
  EXPECT_EQ(Look(), 1);
  MR_ASSERT_OK(files_.Remove(kAuthorityFile));
  EXPECT_EQ(Look(), 1);
  MR_ASSERT_OK(WriteFileDurably(&files_, kAuthorityFile, publishers_->authority().certificate_pem));
  Revoke("ada");
  EXPECT_EQ(Look(), 0) << "as soon as they can be";
}

TEST_F(ReleasesWatchTest, SiteThatAsksForNoSignatureMindsNoRevocation) {
  policy_.signatures = 0;
  Start();
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  Revoke("ada");
  EXPECT_EQ(Look(), 1);
}

}  // namespace
}  // namespace millrace
