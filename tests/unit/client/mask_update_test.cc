// SPDX-License-Identifier: Apache-2.0
#include "client/session/mask_update.h"

#include <gmock/gmock.h>

#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/memory_file_system.h"
#include "client/data/site_message.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class MaskUpdateTest : public ::testing::Test {
 protected:
  MaskUpdateTest() {
    plan_.cohort.target = 4;
    plan_.update.max_weight = 1000;
  }

  absl::Status Mask(double weight) {
    const std::vector<float> update(3, 0.25F);
    const std::string bytes(reinterpret_cast<const char*>(update.data()),
                            update.size() * sizeof(float));
    EXPECT_TRUE(WriteFileDurably(&files_, "/clear", bytes).ok());
    const auto clear = files_.Open("/clear", FileSystem::OpenMode::kRead).value();
    const auto masked = files_.Open("/masked", FileSystem::OpenMode::kCreate).value();
    const MaskedShape shape{.parameters = 3};
    return MaskUpdate(plan_, shape, weight, {}, clear.get(), masked.get());
  }

  Plan plan_;
  MemoryFileSystem files_;
};

TEST_F(MaskUpdateTest, WholeWeightsUpToTheLargestAreMasked) {
  for (const double weight : {1.0, 2.0, 1000.0}) MR_EXPECT_OK(Mask(weight));
}

TEST_F(MaskUpdateTest, OtherWeightsAreRefusedWithTheLimit) {
  for (const double weight : {1001.0, 1e300, 0.0, -1.0, 0.5, 2.5, kNan}) {
    EXPECT_THAT(Mask(weight), IsStatus(absl::StatusCode::kInvalidArgument,
                                       AllOf(HasSubstr(absl::StrCat("weight ", weight)),
                                             HasSubstr("[update] max_weight 1000"))));
  }
}

TEST_F(MaskUpdateTest, WhereSitesCountEquallyOnlyOneIsAWeight) {
  plan_.update.weights = Weights::kEqual;
  MR_EXPECT_OK(Mask(1));
  for (const double weight : {2.0, 0.0, 0.5, kNan}) {
    EXPECT_THAT(Mask(weight),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("weighs sites equally")));
  }
}

TEST_F(MaskUpdateTest, LowLimitDoesNotGetTheNumberOfExamplesOutOfASite) {
  plan_.update.max_weight = 1;
  EXPECT_THAT(PublicText(Mask(8765)), AllOf(HasSubstr("max_weight 1;"), Not(HasSubstr("8765"))));
}

}  // namespace
}  // namespace millrace
