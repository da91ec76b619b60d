// SPDX-License-Identifier: Apache-2.0
#include "coordinator/model_drift.h"

#include <gmock/gmock.h>

#include <functional>
#include <limits>

#include "absl/strings/str_cat.h"
#include "millrace/v1/rounds.pb.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;

v1::ModelDrift DriftOfPumps() {
  v1::ModelDrift drift;
  drift.set_name("pumps");
  drift.set_parameters_sha256(std::string(32, '\x07'));
  drift.set_channels_watched(12);
  drift.set_channels_in_drift(2);
  drift.set_score_in_drift(true);
  drift.set_level(1.5);
  drift.set_lasts_s(3600);
  return drift;
}

absl::StatusOr<std::vector<ModelDrift>> ParseTold(const std::vector<v1::ModelDrift>& models) {
  v1::CheckInRequest request;
  request.mutable_drift()->Assign(models.begin(), models.end());
  return ParseDrift("press-7", request.drift());
}

TEST(ModelDrift, ComesBackAsItWasTold) {
  MR_ASSERT_OK_AND_ASSIGN(const auto parsed, ParseTold({DriftOfPumps()}));
  ASSERT_EQ(parsed.size(), 1u);
  EXPECT_TRUE(parsed[0].in_drift());
  EXPECT_EQ(ToProto(parsed[0]).SerializeAsString(), DriftOfPumps().SerializeAsString());
  MR_ASSERT_OK_AND_ASSIGN(const auto none, ParseTold({}));
  EXPECT_TRUE(none.empty());
}

TEST(ModelDrift, IsThereWithAChannelOrWithTheScore) {
  v1::ModelDrift told = DriftOfPumps();
  told.set_score_in_drift(false);
  EXPECT_TRUE(ParseTold({told}).value()[0].in_drift());
  told.set_score_in_drift(true);
  told.set_channels_in_drift(0);
  EXPECT_TRUE(ParseTold({told}).value()[0].in_drift());
  told.set_score_in_drift(false);
  told.set_level(0);
  told.set_lasts_s(0);
  EXPECT_FALSE(ParseTold({told}).value()[0].in_drift());
}

/// One way to spoil DriftOfPumps, and what the refusal says after site and model.
struct RefusedDrift {
  const char* name;
  std::function<void(v1::ModelDrift&)> spoil;
  const char* message;
};
void PrintTo(const RefusedDrift& refusal, std::ostream* out) { *out << refusal.name; }

class ModelDriftRefusal : public ::testing::TestWithParam<RefusedDrift> {};

TEST_P(ModelDriftRefusal, NamesSiteModelAndField) {
  v1::ModelDrift told = DriftOfPumps();
  GetParam().spoil(told);
  EXPECT_THAT(ParseTold({told}),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("site press-7: drift of "), HasSubstr(GetParam().message))));
}

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();
constexpr double kBeyondAll = std::numeric_limits<double>::infinity();
constexpr int64_t kLargestNumber = std::numeric_limits<int64_t>::max();
constexpr int64_t kSmallestNumber = std::numeric_limits<int64_t>::min();

const RefusedDrift kRefusedDrifts[] = {
    {"NameEmpty", [](auto& told) { told.set_name(""); }, "a model: model name \"\""},
    {"NameThatIsAPath", [](auto& told) { told.set_name("../x"); }, "model name \"../x\""},
    {"NameWithALineEnd", [](auto& told) { told.set_name("a\nb"); }, "model name \"a\\nb\""},
    {"NoDigest", [](auto& told) { told.set_parameters_sha256(""); },
     "model pumps: parameters_sha256"},
    {"LongDigest", [](auto& told) { told.set_parameters_sha256(std::string(33, 'x')); },
     "model pumps: parameters_sha256"},
    {"NegativeCount", [](auto& told) { told.set_channels_in_drift(-1); },
     "model pumps: channels_in_drift = -1: must be from 0 to 12, channels_watched"},
    {"MoreThanAreWatched", [](auto& told) { told.set_channels_in_drift(13); },
     "model pumps: channels_in_drift = 13: must be from 0 to 12, channels_watched"},
    {"NegativeWatched", [](auto& told) { told.set_channels_watched(kSmallestNumber); },
     "model pumps: channels_watched = -9223372036854775808: must be from 0 to 10000000"},
    {"MoreThanASiteHas", [](auto& told) { told.set_channels_watched(kLargestNumber); },
     "model pumps: channels_watched = 9223372036854775807"},
    {"LevelNan", [](auto& told) { told.set_level(kNoNumber); }, "model pumps: level = nan"},
    {"LevelInfinite", [](auto& told) { told.set_level(kBeyondAll); }, "model pumps: level = inf"},
    {"LevelNegative", [](auto& told) { told.set_level(-0.5); }, "model pumps: level = -0.5"},
    {"NegativeAge", [](auto& told) { told.set_lasts_s(-1); }, "model pumps: lasts_s = -1"},
    {"AgeOfMillennia", [](auto& told) { told.set_lasts_s(kLargestNumber); },
     "model pumps: lasts_s = 9223372036854775807: must be from 0 to 3153600000"},
    {"AgeOfNoDrift",
     [](auto& told) {
       told.set_channels_in_drift(0);
       told.set_score_in_drift(false);
     },
     "model pumps: lasts_s: must be 0 where nothing is in drift"},
    {"LevelOfNoDrift",
     [](auto& told) {
       told.set_channels_in_drift(0);
       told.set_score_in_drift(false);
       told.set_lasts_s(0);
     },
     "model pumps: level: must be 0 where nothing is in drift"},
};
INSTANTIATE_TEST_SUITE_P(Fields, ModelDriftRefusal, ::testing::ValuesIn(kRefusedDrifts),
                         [](const auto& info) { return info.param.name; });

TEST(ModelDrift, OfOneModelComesOnce) {
  EXPECT_THAT(ParseTold({DriftOfPumps(), DriftOfPumps()}),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       HasSubstr("site press-7: drift of model pumps: comes twice")));
}

TEST(ModelDrift, OfMoreModelsThanASiteServesIsRefusedWhole) {
  std::vector<v1::ModelDrift> models;
  for (int i = 0; i < 64; ++i) {
    models.push_back(DriftOfPumps());
    models.back().set_name(absl::StrCat("pumps-", i));
  }
  MR_EXPECT_OK(ParseTold(models));
  models.push_back(DriftOfPumps());
  EXPECT_THAT(ParseTold(models), IsStatus(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("drift of 65 models, of at most 64")));
}

}  // namespace
}  // namespace millrace
