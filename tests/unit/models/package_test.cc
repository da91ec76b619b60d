// SPDX-License-Identifier: Apache-2.0
#include "models/package.h"

#include <gmock/gmock.h>

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "base/memory_file_system.h"
#include "models/model_input.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsStatus;

constexpr absl::string_view kPlan = R"(
secure_aggregation = "off"
[run]
name = "toy"
[model]
kind = "mlp"
hidden = [3]
[input]
channels = ["a", "b"]
window = 2
[label]
kind = "column"
column = "y"
)";

class PackageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MR_ASSERT_OK_AND_ASSIGN(plan_, ParsePlan(kPlan));
    MR_ASSERT_OK_AND_ASSIGN(architecture_, BuildArchitecture(plan_));
    parameters_ = InitialParameters(architecture_, 7);
    scaling_.channels = 2;
    scaling_.modes = {{0, {1, 2}, {3, 4}, 10}};
    scaling_.overall = scaling_.modes[0];
  }

  v1::PackageManifest Manifest() const {
    v1::PackageManifest manifest =
        ManifestOf(kPlan, plan_, architecture_, &scaling_, Sha256Of(Raw()));
    manifest.set_version(5);
    for (const char* name : {"rmse", "mae", "loss", "examples"}) {
      (*manifest.mutable_metrics())[name] = 1.5;
    }
    return manifest;
  }

  std::string Raw() const {
    return {reinterpret_cast<const char*>(parameters_.data()), parameters_.size() * sizeof(float)};
  }

  std::string Bytes(const v1::PackageManifest& manifest) const {
    return PackagePrefix(manifest, static_cast<int64_t>(Raw().size())) + Raw();
  }
  /// A package's bytes with other ones for the manifest, and that digest of them.
  std::string WithManifestBytes(const std::string& manifest, const Digest& digest) const {
    v1::ModelPackage head;
    head.set_manifest(manifest);
    head.set_manifest_sha256(digest.ToBytes());
    v1::ModelPackage file;
    EXPECT_TRUE(file.ParseFromString(Bytes(Manifest())));
    file.clear_parameters();
    return head.SerializeAsString() + Bytes(Manifest()).substr(file.ByteSizeLong());
  }

  Plan plan_;
  Architecture architecture_;
  Scaling scaling_;
  std::vector<float> parameters_;
};

TEST_F(PackageTest, WhatIsWrittenReadsBack) {
  MemoryFileSystem files;
  MR_ASSERT_OK(WritePackage(&files, "/toy.millrace", Manifest(), parameters_));
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage package, ReadPackage(&files, "/toy.millrace"));
  EXPECT_EQ(package.parameters, parameters_);
  EXPECT_EQ(package.manifest.version(), 5);
  EXPECT_EQ(package.plan.run.name, "toy");
  EXPECT_EQ(package.architecture.source, architecture_.source);
  ASSERT_TRUE(package.scaling.has_value());
  EXPECT_EQ(package.scaling->modes[0].deviation, scaling_.modes[0].deviation);
}

TEST_F(PackageTest, TheSameManifestGivesTheSameBytes) {
  const std::string first = Bytes(Manifest());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Bytes(Manifest()), first);
}

TEST_F(PackageTest, ChangedParametersAreRefusedByDigest) {
  std::string bytes = Bytes(Manifest());
  bytes.back() ^= 1;
  EXPECT_THAT(ParsePackage(bytes),
              IsStatus(absl::StatusCode::kDataLoss, HasSubstr("manifest's digest")));
}

TEST_F(PackageTest, AnyBitFlippedInTheManifestIsRefused) {
  const std::string bytes = Bytes(Manifest());
  const size_t end = bytes.size() - Raw().size();
  for (size_t place = 0; place < end; ++place) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[place] = static_cast<char>(damaged[place] ^ (1 << bit));
      EXPECT_FALSE(ParsePackage(damaged).ok()) << "bit " << bit << " of byte " << place;
    }
  }
}

TEST_F(PackageTest, ChangedScalingIsRefusedByTheManifestsDigest) {
  v1::PackageManifest other = Manifest();
  other.mutable_scaling()->mutable_modes(0)->set_mean(0, 1.5F);
  v1::ModelPackage file;
  ASSERT_TRUE(file.ParseFromString(Bytes(Manifest())));
  EXPECT_THAT(ParsePackage(WithManifestBytes(other.SerializeAsString(), Sha256Of(file.manifest()))),
              IsStatus(absl::StatusCode::kDataLoss, HasSubstr("manifest does not match")));
}

TEST_F(PackageTest, PartsInAnotherOrderOrWithMoreBehindThemAreRefused) {
  v1::ModelPackage file;
  ASSERT_TRUE(file.ParseFromString(Bytes(Manifest())));
  EXPECT_THAT(ParsePackage(file.SerializeAsString()),  // by the fields' numbers
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("or in another order")));
  EXPECT_FALSE(ParsePackage(Bytes(Manifest()) + std::string(1, '\0')).ok());
  EXPECT_THAT(ParsePackage(Bytes(Manifest()) + std::string(1 << 20, 'x')),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("1048576 bytes behind")));
}

TEST_F(PackageTest, LengthInMoreBytesThanItNeedsIsAnotherEncoding) {
  std::string bytes = Bytes(Manifest());
  const size_t length_ends = bytes.size() - Raw().size();
  bytes[length_ends - 1] = static_cast<char>(bytes[length_ends - 1] | 0x80);
  bytes.insert(length_ends, 1, '\0');
  EXPECT_THAT(ParsePackage(bytes),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("or in another order")));
}

TEST_F(PackageTest, FileIsReadAsItsBytesAre) {
  MemoryFileSystem files;
  MR_ASSERT_OK(WriteFileDurably(&files, "/toy.millrace",
                                Bytes(Manifest()).substr(0, Bytes(Manifest()).size() / 2)));
  EXPECT_THAT(ReadPackage(&files, "/toy.millrace"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("/toy.millrace: model")));
  MR_ASSERT_OK(WriteFileDurably(&files, "/toy.millrace", ""));
  EXPECT_THAT(ReadPackage(&files, "/toy.millrace"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("the file is empty")));
  testing::FaultyFileSystem disk(&files);
  MR_ASSERT_OK(WritePackage(&disk, "/toy.millrace", Manifest(), parameters_));
  disk.FailCall(testing::DiskCall::kRead, 0);
  EXPECT_THAT(ReadPackage(&disk, "/toy.millrace"),
              IsStatus(absl::StatusCode::kUnavailable, HasSubstr("toy.millrace")))
      << "the package is not to blame";
  MR_EXPECT_OK(ReadPackage(&disk, "/toy.millrace"));
}

TEST_F(PackageTest, ManifestThatHoldsMoreThanIsKnownIsRefused) {
  v1::PackageManifest manifest = Manifest();
  manifest.GetReflection()->MutableUnknownFields(&manifest)->AddVarint(1000, 1);
  EXPECT_THAT(ParsePackage(Bytes(manifest)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("holds more than is known")));
}

TEST_F(PackageTest, ManifestInAnotherEncodingIsRefused) {
  v1::PackageManifest named;
  named.set_name(Manifest().name());
  v1::ModelPackage file;
  ASSERT_TRUE(file.ParseFromString(Bytes(Manifest())));
  const std::string twice = file.manifest() + named.SerializeAsString();  // its name
  EXPECT_THAT(ParsePackage(WithManifestBytes(twice, Sha256Of(twice))),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("or in another order")));
}

TEST_F(PackageTest, ManifestIsChangedWithoutTheParameters) {
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage package, ParsePackage(Bytes(Manifest())));
  v1::PackageManifest manifest = package.manifest;
  manifest.set_version(6);
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage changed, WithManifest(package, manifest));
  EXPECT_EQ(changed.manifest.version(), 6);
  EXPECT_EQ(changed.parameters, package.parameters);
  manifest.set_parameters_sha256(Sha256Of("others").ToBytes());
  EXPECT_THAT(WithManifest(package, manifest),
              IsStatus(absl::StatusCode::kDataLoss, HasSubstr("")));
}

TEST_F(PackageTest, AnEmptyFileIsCalledEmpty) {
  EXPECT_THAT(ParsePackage(""),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("the file is empty")));
}

TEST_F(PackageTest, EveryTruncationIsRefused) {
  const std::string bytes = Bytes(Manifest());
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(ParsePackage({bytes.data(), length}).ok()) << length;
  }
}

TEST_F(PackageTest, AGraphThatThePlanDoesNotGiveIsRefused) {
  v1::PackageManifest manifest = Manifest();
  manifest.mutable_graph_source()->append("\n");
  EXPECT_THAT(ParsePackage(Bytes(manifest)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("graph")));
}

TEST_F(PackageTest, ALayoutThatThePlanDoesNotGiveIsRefused) {
  v1::PackageManifest manifest = Manifest();
  manifest.mutable_layout()->mutable_tensors(0)->set_name("other");
  EXPECT_THAT(ParsePackage(Bytes(manifest)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("layout")));
}

TEST_F(PackageTest, AMissingScalingIsRefused) {
  v1::PackageManifest manifest = Manifest();
  manifest.clear_scaling();
  EXPECT_THAT(ParsePackage(Bytes(manifest)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("scaling")));
}

TEST_F(PackageTest, ADeviationThatIsNotPositiveIsRefused) {
  v1::PackageManifest manifest = Manifest();
  manifest.mutable_scaling()->mutable_modes(0)->set_deviation(1, 0);
  EXPECT_THAT(ParsePackage(Bytes(manifest)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("channel 1")));
}

TEST_F(PackageTest, ACardThatIsTooLongIsRefused) {
  v1::PackageManifest manifest = Manifest();
  manifest.set_card(std::string(kMaxCardBytes, 'c'));
  MR_EXPECT_OK(ParsePackage(Bytes(manifest)));
  manifest.mutable_card()->push_back('c');
  EXPECT_THAT(ParsePackage(Bytes(manifest)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("card of 65537 bytes")));
}

TEST_F(PackageTest, TestVectorsOfAnotherShapeAreRefused) {
  v1::PackageManifest manifest = Manifest();
  v1::TestVector& vector = *manifest.add_test_vectors();
  for (int i = 0; i < 4; ++i) vector.add_input(1);
  vector.add_output(2);
  MR_EXPECT_OK(ParsePackage(Bytes(manifest)));
  vector.add_output(2);
  EXPECT_THAT(ParsePackage(Bytes(manifest)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("4 finite inputs and 1")));
  vector.mutable_output()->RemoveLast();
  vector.set_input(3, std::numeric_limits<float>::quiet_NaN());
  EXPECT_FALSE(ParsePackage(Bytes(manifest)).ok());
}

TEST_F(PackageTest, MoreTestVectorsThanAnyoneNeedsAreRefused) {
  v1::PackageManifest manifest = Manifest();
  for (int i = 0; i <= kMaxTestVectors; ++i) manifest.add_test_vectors();
  EXPECT_THAT(ParsePackage(Bytes(manifest)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("17 test vectors")));
}

TEST_F(PackageTest, AParameterThatIsNotFiniteIsRefused) {
  parameters_[3] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(ParsePackage(Bytes(Manifest())),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("not finite")));
}

TEST_F(PackageTest, RateAndUnitsAreSignedWithThePlanThatSaysThem) {
  const std::string text =
      absl::StrReplaceAll(kPlan, {{"window = 2", "window = 2\nrate_hz = 10\nunits = ['A', '']"}});
  MR_ASSERT_OK_AND_ASSIGN(plan_, ParsePlan(text));
  v1::PackageManifest manifest = Manifest();
  const std::string unsaid = Bytes(manifest);
  manifest.set_plan(text);
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage package, ParsePackage(Bytes(manifest)));
  EXPECT_NE(package.Sha256(), ParsePackage(unsaid)->Sha256());
  const v1::ModelInput input = ModelInputOf(package.plan.input);
  EXPECT_EQ(input.rate_hz(), 10);
  ASSERT_EQ(input.channels_size(), 2);
  EXPECT_EQ(input.channels(0).name(), "a");
  EXPECT_EQ(input.channels(0).unit(), "A");
  EXPECT_EQ(input.channels(1).unit(), "");
  EXPECT_EQ(ModelInputOf(ParsePackage(unsaid)->plan.input).rate_hz(), 0);
}

}  // namespace
}  // namespace millrace
