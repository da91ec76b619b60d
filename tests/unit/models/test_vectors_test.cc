// SPDX-License-Identifier: Apache-2.0
#include "models/test_vectors.h"

#include <gmock/gmock.h>

#include <limits>

#include "tests/testing/status_matchers.h"
#include "tests/testing/toy_package.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::HasSubstr;

/// Gives back what it is given, `shift` off.
class ShiftingPredictor : public Predictor {
 public:
  explicit ShiftingPredictor(float shift) : shift_(shift) {}
  absl::Status Predict(std::span<const float> inputs, std::span<float> outputs) override {
    for (size_t i = 0; i < inputs.size(); ++i) outputs[i] = inputs[i] + shift_;
    return absl::OkStatus();
  }
  absl::StatusOr<Attribution> Attribute(std::span<const float>, std::span<const float>,
                                        int64_t) override {
    return absl::UnimplementedError("");
  }
  int64_t width() const override { return 8; }

 private:
  const float shift_;
};

class TestVectorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::vector<float> parameters = testing::ToyParameters(0.5F);
    manifest_ = testing::ToyManifest(1, parameters);
    ShiftingPredictor predictor(0.25F);
    MR_ASSERT_OK(AddTestVectors(plan_, predictor, manifest_));
  }
  absl::Status Try(float shift) const {
    ShiftingPredictor predictor(shift);
    return CheckTestVectors(manifest_, predictor);
  }

  const Plan plan_ = ParsePlan(testing::kToyPlan).value();
  v1::PackageManifest manifest_;
};

TEST_F(TestVectorsTest, TheSameModelGivesThemAgain) {
  EXPECT_EQ(manifest_.test_vectors_size(), 4);
  EXPECT_EQ(manifest_.test_vectors(3).input_size(), 8);
  EXPECT_EQ(manifest_.test_vectors(3).output_size(), 8);
  MR_EXPECT_OK(Try(0.25F));
  MR_EXPECT_OK(Try(0.2505F));  // as another library may round
}

TEST_F(TestVectorsTest, AreTheSameEveryTime) {
  const std::string before = manifest_.SerializeAsString();
  ShiftingPredictor predictor(0.25F);
  MR_ASSERT_OK(AddTestVectors(plan_, predictor, manifest_));
  EXPECT_EQ(manifest_.SerializeAsString(), before);
}

TEST_F(TestVectorsTest, AnotherModelIsFoundOut) {
  EXPECT_THAT(Try(0.26F),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("test vector 0 gives")));
  EXPECT_FALSE(Try(std::numeric_limits<float>::quiet_NaN()).ok());
}

TEST_F(TestVectorsTest, AreNotMadeOfAModelThatGivesNoNumbers) {
  ShiftingPredictor predictor(std::numeric_limits<float>::infinity());
  EXPECT_THAT(AddTestVectors(plan_, predictor, manifest_),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("not finite")));
}

}  // namespace
}  // namespace millrace
