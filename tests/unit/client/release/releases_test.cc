// SPDX-License-Identifier: Apache-2.0
#include "client/release/releases.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_split.h"
#include "models/test_vectors.h"
#include "tests/unit/client/release/releases_fixture.h"

namespace millrace {
namespace {

using ::millrace::testing::Publishers;
using ::millrace::testing::ToyManifest;
using ::millrace::testing::ToyPackage;
using ::millrace::testing::ToyParameters;
using ::millrace::testing::ToyPlanWith;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(ReleasesTest, SignedPackageServesAndIsToldByItsDigest) {
  const std::string package = By({"ada"}, ToyPackage(3, 0.5F));
  ASSERT_EQ(Install(package), 3);
  const ServedModel model = releases_->ServedModels()[0];
  const ModelPackage parsed = ParsePackage(package).value();
  EXPECT_EQ(model.parameters.ToBytes(), parsed.manifest.parameters_sha256());
  EXPECT_EQ(model.package, parsed.Sha256());
  EXPECT_THAT(model.publishers, ElementsAre("ada"));
  EXPECT_EQ(ToProto(model).parameters_sha256(), parsed.manifest.parameters_sha256());
  const nlohmann::json json = nlohmann::json::parse(ServedModelsJson(releases_->ServedModels()));
  EXPECT_EQ(json[0]["parameters_sha256"], model.parameters.Hex());
  EXPECT_EQ(json[0]["publishers"][0], "ada");
  EXPECT_THAT(ServedModelsMetrics(releases_->ServedModels()), HasSubstr(model.parameters.Hex()));
}

TEST_F(ReleasesTest, WhatNobodyWhoCountsHasSignedLeavesWhatServes) {
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  Publishers strangers(kReleaseDay);
  EXPECT_EQ(Install(ToyPackage(2, 0.5F)), 1);
  EXPECT_EQ(Install(strangers.Signed(ToyPackage(2, 0.5F), {"ada"})), 1);
  std::string damaged = By({"ada"}, ToyPackage(2, 0.5F));
  damaged[damaged.size() / 2] ^= 1;
  EXPECT_EQ(Install(damaged), 1);
  EXPECT_TRUE(files_.Exists("state/models/pumps/refused"));
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(2, 0.5F))), 2);
}

TEST_F(ReleasesTest, SiteMayAskForSeveralPublishers) {
  policy_.signatures = 2;
  Start();
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 0);
  EXPECT_EQ(Install(By({"ada", "bob"}, ToyPackage(1, 0.5F))), 1);
}

TEST_F(ReleasesTest, SiteThatAsksForNoSignatureTakesAny) {
  policy_.signatures = 0;
  Start();
  EXPECT_EQ(Install(ToyPackage(1, 0.5F)), 1);
}

TEST_F(ReleasesTest, SignatureOfARevokedPublisherNeitherInstallsNorServesAgain) {
  ASSERT_EQ(Install(By({"bob"}, ToyPackage(1, 0.5F))), 1);
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(2, 0.6F))), 2);
  Revoke("ada");
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(3, 0.5F))), 1) << "the one before, which bob has signed";
  Start();
  EXPECT_EQ(Version(), 1);
}

TEST_F(ReleasesTest, PackageOfAnotherRateOrUnitLeavesWhatServes) {
  machines_[0].channels[0].unit = "A";
  Start();
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1) << "it says neither";
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(2, 0.5F, ToyPlanWith("rate_hz = 12000\n")))), 1);
  EXPECT_TRUE(files_.Exists("state/models/pumps/refused"));
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(3, 0.5F, ToyPlanWith("units = [\"mA\", \"rpm\"]\n")))),
            1);
  EXPECT_EQ(
      Install(
          By({"ada"}, ToyPackage(4, 0.5F, ToyPlanWith("rate_hz = 1\nunits = [\"A\", \"rpm\"]\n")))),
      4);
}

TEST_F(ReleasesTest, ModelServesAtAStartOnlyAtItsRateAndInItsUnits) {
  const std::string plan = ToyPlanWith("rate_hz = 1\nunits = [\"A\", \"\"]\n");
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F, plan))), 1);
  machines_[0].channels[0].unit = "mA";
  Start();
  EXPECT_EQ(Version(), 0);
  EXPECT_EQ(VersionIn("current"), 1) << "it stays where it is";
  machines_[0].channels[0].unit = "A";
  machines_[0].rate_hz = 2;
  Start();
  EXPECT_EQ(Version(), 0);
  machines_[0].rate_hz = 1;
  Start();
  EXPECT_EQ(Version(), 1);
}

TEST_F(ReleasesTest, PackageThatDoesNotFitIsRefusedBeforeItIsLoaded) {
  int loads = 0;
  on_load_ = [&loads] { ++loads; };
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F, ToyPlanWith("rate_hz = 12000\n")))), 0);
  EXPECT_EQ(VersionIn("refused"), 1);
  EXPECT_EQ(loads, 0);
}

TEST_F(ReleasesTest, ModelThatDoesNotFitTheSiteAnyMoreIsReadOnceAStartAndNotLoaded) {
  const std::string plan = ToyPlanWith("units = [\"A\", \"\"]\n");
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(2, 0.5F, plan))), 2);
  machines_[0].channels[0].unit = "mA";
  int loads = 0;
  on_load_ = [&loads] { ++loads; };
  ::testing::internal::CaptureStderr();
  Start();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("'current' in A"));
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Look(absl::Minutes(1)), 0);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), Not(HasSubstr("'current' in A")));
  EXPECT_EQ(loads, 0);
  EXPECT_EQ(VersionIn("current"), 2) << "it stays, for the file to be corrected";
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(3, 0.5F))), 3) << "it says no unit";
}

TEST_F(ReleasesTest, UnitThatTheSiteDoesNotSayIsToldOnceForEachModelThatServes) {
  machines_[0].channels[0].unit = "A";
  demands_.machines = machines_;
  Start();
  const std::string plan = ToyPlanWith("units = [\"A\", \"rpm\"]\n");
  ::testing::internal::CaptureStderr();
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F, plan))), 1);
  Look(absl::Minutes(2));
  const std::string log = ::testing::internal::GetCapturedStderr();
  const std::vector<std::string> parts = absl::StrSplit(log, "units are taken on trust");
  EXPECT_THAT(parts, SizeIs(2)) << log;
  EXPECT_THAT(log, HasSubstr("channels=\"speed\""));
}

TEST_F(ReleasesTest, VersionNeverGoesDownEvenWhenItsFolderIsGone) {
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(5, 0.5F))), 5);
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(4, 0.5F))), 5);
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(5, 0.75F))), 5);
  EXPECT_EQ(releases_->ServedModels()[0].parameters.ToBytes(),
            ParsePackage(ToyPackage(5, 0.5F))->manifest.parameters_sha256());
  for (const char* file : {"current", "previous", "refused"}) {
    const std::string path = std::string("state/models/pumps/") + file;
    if (!files_.Exists(path)) continue;
    MR_ASSERT_OK(files_.Remove(path));
  }
  Start();
  ASSERT_EQ(Version(), 0);
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(4, 0.5F))), 0);
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(5, 0.5F))), 5);
}

TEST_F(ReleasesTest, ModelThatIsBeingInstalledWhenTheDaemonStopsIsInstalledByTheNext) {
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  Stage(By({"ada"}, ToyPackage(2, 0.25F)));
  on_load_ = [this] { releases_->Halt(); };
  EXPECT_EQ(Look(), 1);
  EXPECT_EQ(VersionIn("refused"), 0) << "it is not to blame";
  EXPECT_EQ(Look(absl::Minutes(1)), 1) << "nothing is begun any more";
  on_load_ = nullptr;
  Start();
  EXPECT_EQ(Version(), 1);
  EXPECT_EQ(Look(), 2);
}

TEST_F(ReleasesTest, ModelIsNotCalledTooSlowBesideOneThatWasNotMeasuredToTheEnd) {
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  Stage(By({"ada"}, ToyPackage(2, 0.25F)));
  ills_[0.25F].takes_ns = kNsPerS / 100;  // and the one before, perhaps, by now
  int loads = 0;
  on_load_ = [&] {
    if (++loads == 2) releases_->Halt();
  };
  EXPECT_EQ(Look(), 1);
  EXPECT_EQ(loads, 2);
  EXPECT_EQ(VersionIn("refused"), 0);
  on_load_ = nullptr;
  ills_.clear();
  Start();
  EXPECT_EQ(Look(), 2);
}

TEST_F(ReleasesTest, SameVersionWithTheSameParametersMayBeSignedAnew) {
  v1::PackageManifest manifest = ToyManifest(2, ToyParameters(0.5F));
  manifest.set_expires_ms(absl::ToUnixMillis(kReleaseDay + absl::Hours(1)));
  ASSERT_EQ(Install(By({"ada"}, testing::PackageBytes(manifest, ToyParameters(0.5F)))), 2);
  manifest.set_expires_ms(absl::ToUnixMillis(kReleaseDay + absl::Hours(100)));
  EXPECT_EQ(Install(By({"ada"}, testing::PackageBytes(manifest, ToyParameters(0.5F)))), 2);
  EXPECT_EQ(releases_->ServedModels()[0].expires_ms, manifest.expires_ms());
}

TEST_F(ReleasesTest, VersionBelowTheSitesMinimumIsRefused) {
  policy_.minimum_version = 3;
  Start();
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(2, 0.5F))), 0);
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(3, 0.5F))), 3);
}

TEST_F(ReleasesTest, ExpiredPackageIsNotInstalledButGoesOnMarked) {
  v1::PackageManifest manifest = ToyManifest(2, ToyParameters(0.5F));
  manifest.set_expires_ms(absl::ToUnixMillis(kReleaseDay + absl::Hours(1)));
  const std::string package = By({"ada"}, testing::PackageBytes(manifest, ToyParameters(0.5F)));
  ASSERT_EQ(Install(package), 2);
  EXPECT_FALSE(releases_->ServedModels()[0].expired);
  clock_.now += absl::Hours(2);
  releases_->Look();
  EXPECT_TRUE(releases_->ServedModels()[0].expired);
  EXPECT_THAT(ServedModelsMetrics(releases_->ServedModels()),
              HasSubstr("millrace_model_expired{model=\"pumps\"} 1"));
  Start();
  ASSERT_EQ(Version(), 2);
  EXPECT_TRUE(releases_->ServedModels()[0].expired);
  MR_ASSERT_OK(files_.Remove("state/models/pumps.newest"));
  EXPECT_EQ(Install(package), 2);
  EXPECT_TRUE(files_.Exists("state/models/pumps/refused"));
}

TEST_F(ReleasesTest, WhatServesOutlivesItsPublishersCertificate) {
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  clock_.now += absl::Hours(24 * 60);
  Start();
  EXPECT_EQ(Version(), 1);
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(2, 0.5F))), 1);
}

TEST_F(ReleasesTest, ModelThatDoesNotGiveItsTestVectorsIsRefused) {
  v1::PackageManifest manifest = ToyManifest(1, ToyParameters(0.5F));
  FlatPredictor another(0.6F);
  MR_ASSERT_OK(AddTestVectors(ParsePlan(testing::kToyPlan).value(), another, manifest));
  EXPECT_EQ(Install(By({"ada"}, testing::PackageBytes(manifest, ToyParameters(0.5F)))), 0);
  FlatPredictor right(0.5F);
  MR_ASSERT_OK(AddTestVectors(ParsePlan(testing::kToyPlan).value(), right, manifest));
  EXPECT_EQ(Install(By({"ada"}, testing::PackageBytes(manifest, ToyParameters(0.5F)))), 1);
}

TEST_F(ReleasesTest, SiteMayAskForTestVectors) {
  policy_.test_vectors = true;
  Start();
  EXPECT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 0);
}

TEST_F(ReleasesTest, WeightsThatAreNotFiniteAreRefused) {
  // Signed all the same, by a publisher that does not look.
  std::vector<float> parameters = ToyParameters(0.5F);
  parameters[3] = std::numeric_limits<float>::quiet_NaN();
  const v1::PackageManifest manifest = ToyManifest(1, parameters);
  ModelPackage blind;
  v1::ModelPackage file;
  ASSERT_TRUE(file.ParseFromString(testing::PackageBytes(manifest, parameters)));
  blind.manifest_bytes = file.manifest();
  const KeyAndCertificate& ada = publishers_->Of("ada");
  MR_ASSERT_OK_AND_ASSIGN(const v1::Signature signature,
                          SignPackage(blind, ada.key_pem, ada.certificate_pem, kReleaseDay));
  EXPECT_EQ(Install(testing::PackageBytes(manifest, parameters) + PackageSuffix({signature})), 0);
  EXPECT_TRUE(files_.Exists("state/models/pumps/refused"));
}

TEST_F(ReleasesTest, AuthorityThatCannotBeReadIsNoFaultOfAPackage) {
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  MR_ASSERT_OK(files_.Remove(kAuthorityFile));
  MR_ASSERT_OK(models_.Stage(By({"ada"}, ToyPackage(2, 0.5F))));
  releases_->Look();
  EXPECT_TRUE(models_.HasNext());
  Start();
  EXPECT_EQ(Version(), 1);  // it was checked when it was installed
  MR_ASSERT_OK(WriteFileDurably(&files_, kAuthorityFile, publishers_->authority().certificate_pem));
  EXPECT_EQ(Look(), 2);
}

TEST_F(ReleasesTest, DamagedMemoryOfTheNewestVersionInstallsNothing) {
  ASSERT_EQ(Install(By({"ada"}, ToyPackage(1, 0.5F))), 1);
  MR_ASSERT_OK(WriteFileDurably(&files_, "state/models/pumps.newest", "torn"));
  Stage(By({"ada"}, ToyPackage(2, 0.5F)));
  EXPECT_EQ(Look(), 1);
  EXPECT_FALSE(files_.Exists("state/models/pumps/refused")) << "the package is not to blame";
  MR_ASSERT_OK(files_.Remove("state/models/pumps.newest"));
  EXPECT_EQ(Look(absl::Seconds(1)), 1) << "twice a minute suffices";
  EXPECT_EQ(Look(absl::Seconds(30)), 2);
}

}  // namespace
}  // namespace millrace
