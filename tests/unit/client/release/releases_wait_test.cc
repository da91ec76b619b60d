// SPDX-License-Identifier: Apache-2.0
// A model that had better wait for its machines' thresholds, and what else happens meanwhile.
#include <gmock/gmock.h>

#include "client/release/releases.h"
#include "tests/unit/client/release/releases_fixture.h"

namespace millrace {
namespace {

using ::millrace::testing::ToyPackage;

/// Judges once it is let.
class PatientJudges final : public ModelUser {
 public:
  explicit PatientJudges(ModelUser* judges) : judges_(judges) {}
  absl::Status MakeReady(InstalledModel& model, bool may_wait) override {
    ++asked;
    waited_ns = model.waited_ns;
    if (may_wait && goes > 0) {
      --goes;
      return absl::AbortedError("recordings are being read");
    }
    if (may_wait && waits) return absl::UnavailableError("thresholds are being learnt");
    return absl::OkStatus();
  }
  absl::Status Use(std::shared_ptr<InstalledModel> model) override {
    return judges_->Use(std::move(model));
  }
  absl::Status Check(const ModelPackage& package) const override { return judges_->Check(package); }
  size_t PredictorsFor(const std::string& name) const override {
    return judges_->PredictorsFor(name);
  }

  bool waits = true;
  int goes = 0;  // that it takes before it is known whether it waits
  int asked = 0;
  int64_t waited_ns = 0;  // of the model that it was asked of last

 private:
  ModelUser* const judges_;
};

class ReleasesWaitTest : public ReleasesTest {
 protected:
  void SetUp() override {
    ReleasesTest::SetUp();
    ASSERT_EQ(Install(By({"bob"}, ToyPackage(1, 0.5F))), 1) << "the first one waits for nothing";
    patient_->asked = 0;
  }
  ModelUser* Judges() override {
    patient_ = std::make_unique<PatientJudges>(engine_.get());
    return patient_.get();
  }

  std::unique_ptr<PatientJudges> patient_;
};

TEST_F(ReleasesWaitTest, OneBeforeServesUntilTheNewOneIsReady) {
  Stage(By({"ada"}, ToyPackage(2, 0.6F)));
  EXPECT_EQ(Look(), 1);
  EXPECT_EQ(VersionIn("current"), 1);
  EXPECT_EQ(VersionIn("installing"), 2);
  EXPECT_EQ(Look(absl::Seconds(5)), 1);
  EXPECT_EQ(patient_->asked, 1) << "it is asked again twice a minute";
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Look(absl::Seconds(30)), 1) << "and not refused";
  EXPECT_EQ(patient_->asked, 11);
  patient_->waits = false;
  EXPECT_EQ(Look(absl::Seconds(30)), 2);
  EXPECT_EQ(VersionIn("current"), 2);
  EXPECT_EQ(VersionIn("previous"), 1);
  EXPECT_FALSE(models_.HasNext());
  EXPECT_TRUE(models_.CurrentIsOnTrial());
}

TEST_F(ReleasesWaitTest, NewerPackageTakesThePlaceOfOneThatWaits) {
  Stage(By({"ada"}, ToyPackage(2, 0.6F)));
  EXPECT_EQ(Look(), 1);
  Stage(By({"ada"}, ToyPackage(3, 0.7F)));
  EXPECT_EQ(Look(), 1);
  EXPECT_EQ(VersionIn("installing"), 3);
  patient_->waits = false;
  EXPECT_EQ(Look(absl::Seconds(30)), 3);
  EXPECT_EQ(VersionIn("previous"), 1);
}

TEST_F(ReleasesWaitTest, PackageWhosePublisherIsRevokedMeanwhileIsRefused) {
  Stage(By({"ada"}, ToyPackage(2, 0.6F)));
  EXPECT_EQ(Look(), 1);
  Revoke("ada");
  patient_->waits = false;
  EXPECT_EQ(Look(absl::Seconds(30)), 1);
  EXPECT_EQ(VersionIn("refused"), 2);
}

TEST_F(ReleasesWaitTest, NoneWaitsForAModelThatNobodyVouchesForAnyMore) {
  Stage(By({"ada"}, ToyPackage(2, 0.6F)));
  EXPECT_EQ(Look(), 1);
  Revoke("bob");
  EXPECT_EQ(Look(), 0) << "there is none to go back to";
  EXPECT_EQ(Look(absl::Seconds(30)), 2);
}

TEST_F(ReleasesWaitTest, NoneWaitsForAModelThatFails) {
  ills_[0.5F].gives_no_number = true;
  Feed(10);
  EXPECT_EQ(Look(), 1) << "there is none to go back to";
  Stage(By({"ada"}, ToyPackage(2, 0.6F)));
  EXPECT_EQ(Look(), 2);
}

TEST_F(ReleasesWaitTest, OneThatHasMoreToReadGoesOnAtTheNextLook) {
  patient_->goes = 3;
  Stage(By({"ada"}, ToyPackage(2, 0.6F)));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Look(absl::Seconds(2)), 1);
  EXPECT_EQ(patient_->asked, 4);
  patient_->waits = false;
  EXPECT_EQ(Look(absl::Seconds(2)), 1) << "now it waits";
  EXPECT_EQ(Look(absl::Seconds(30)), 2);
}

TEST_F(ReleasesWaitTest, WhatServesIsLookedAtBeforeTheOneThatWaits) {
  Stage(By({"ada"}, ToyPackage(2, 0.6F)));
  EXPECT_EQ(Look(), 1);
  Revoke("bob");
  EXPECT_EQ(Look(absl::Seconds(30)), 2) << "there is none before to wait with any more";
}

TEST_F(ReleasesWaitTest, WaitGoesOnOverRestartsAndWithANewerPackage) {
  Stage(By({"ada"}, ToyPackage(2, 0.6F)));
  EXPECT_EQ(Look(), 1);
  EXPECT_EQ(patient_->waited_ns, 0);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Look(absl::Seconds(30)), 1);
  EXPECT_GE(patient_->waited_ns, 120 * kNsPerS);
  Start();
  EXPECT_EQ(Look(absl::Hours(8)), 1);
  const int64_t before_ns = patient_->waited_ns;
  EXPECT_GE(before_ns, 120 * kNsPerS);
  EXPECT_LT(before_ns, 150 * kNsPerS) << "it was off for most of that";
  Stage(By({"ada"}, ToyPackage(3, 0.7F)));
  EXPECT_EQ(Look(absl::Seconds(60)), 1);
  EXPECT_GE(patient_->waited_ns, before_ns + 60 * kNsPerS);

  patient_->waits = false;
  EXPECT_EQ(Look(absl::Seconds(30)), 3);
  patient_->waits = true;
  Stage(By({"ada"}, ToyPackage(4, 0.8F)));
  EXPECT_EQ(Look(absl::Seconds(30)), 3);
  EXPECT_EQ(patient_->waited_ns, 0) << "the wait is over";
}

TEST_F(ReleasesWaitTest, RefusalEndsTheWait) {
  Stage(By({"ada"}, ToyPackage(2, 0.6F)));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Look(absl::Seconds(30)), 1);
  EXPECT_GT(models_.WaitedNs(), 0);
  Revoke("ada");
  EXPECT_EQ(Look(absl::Seconds(30)), 1);
  EXPECT_EQ(VersionIn("refused"), 2);
  EXPECT_EQ(models_.WaitedNs(), 0);
}

TEST_F(ReleasesWaitTest, PackageThatWaitsIsTakenUpAgainAfterARestart) {
  Stage(By({"ada"}, ToyPackage(2, 0.6F)));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Look(absl::Seconds(30)), 1);
    Start();
  }
  EXPECT_EQ(Version(), 1);
  EXPECT_EQ(Look(absl::Seconds(30)), 1) << "no restart counts against it";
  patient_->waits = false;
  EXPECT_EQ(Look(absl::Seconds(30)), 2);
}

}  // namespace
}  // namespace millrace
