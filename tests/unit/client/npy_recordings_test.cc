// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "client/data/load.h"
#include "client/data/npy.h"
#include "client/data/recordings.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/data_files.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;
using testing::PlanOf;

class RecordingsTest : public testing::DataFiles {
 protected:
  RecordingsTest() {
    config_.kind = DataKind::kNpy;
    config_.path = folder_.path();
    plan_ = PlanOf({"accel"});
    plan_.label.kind = LabelKind::kRecording;
    plan_.label.column = "label10";
    plan_.label.classes = 10;
    Array("a.npy", {3}, {1, 2, 3});
    Array("b.npy", {2}, {4, 5});
  }

  void Array(const std::string& name, const std::vector<int64_t>& shape,
             const std::vector<float>& values) {
    Write(name, NpyBytes(shape, values));
  }

  template <typename Matcher>
  void ExpectRefused(const Matcher& message) {
    EXPECT_THAT(LoadSeries(config_, plan_), IsStatus(absl::StatusCode::kInvalidArgument, message));
  }

  DataConfig config_;
  Plan plan_;
};

TEST_F(RecordingsTest, EachRowOfTheManifestIsAUnitWithOneLabel) {
  Write("manifest.csv", "file,label10,note\na.npy,0,\"one, two\"\nb.npy,9,\n");
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Series> series, LoadSeries(config_, plan_));
  ASSERT_EQ(series.size(), 2u);
  EXPECT_EQ(series[0].unit, "a.npy");
  EXPECT_EQ(series[0].steps, 3);
  EXPECT_THAT(series[0].values, ElementsAre(1, 2, 3));
  EXPECT_THAT(series[0].labels, ElementsAre(0, 0, 0));
  EXPECT_THAT(series[1].labels, ElementsAre(9, 9));
}

TEST_F(RecordingsTest, WhereKeepsTheRowsThatPassEveryFilter) {
  Write("manifest.csv", "file,site,rig,label10\na.npy,s0,r,1\nb.npy,s1,r,2\nnone.npy,s1,q,3\n");
  config_.where = {{.column = "site", .values = {"s1", "s2"}}, {.column = "rig", .values = {"r"}}};
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Series> series, LoadSeries(config_, plan_));
  ASSERT_EQ(series.size(), 1u);
  EXPECT_EQ(series[0].unit, "b.npy");
}

TEST_F(RecordingsTest, TwoDimensionsAreStepsAndChannels) {
  Array("c.npy", {2, 3}, {1, 2, 3, 4, 5, 6});
  Write("manifest.csv", "file\nc.npy\n");
  plan_ = PlanOf({"x", "y", "z"});
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Series> series, LoadSeries(config_, plan_));
  EXPECT_EQ(series[0].steps, 2);
  EXPECT_THAT(series[0].values, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(series[0].labels, IsEmpty());
}

TEST_F(RecordingsTest, ModeColumnsAreThoseOfTheManifest) {
  Write("manifest.csv", "file,label10,rpm\nb.npy,0,1750\n");
  plan_.input.modes = {{.column = "rpm", .step = 25, .min = 1700, .max = 1800}};
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Series> series, LoadSeries(config_, plan_));
  EXPECT_THAT(series[0].cells, ElementsAre(2, 2));
}

TEST_F(RecordingsTest, TrainingAndTestSharesOfARecordingDoNotOverlap) {
  std::vector<float> ramp(10);
  for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<float>(i);
  Array("ramp.npy", {10}, ramp);
  Write("manifest.csv", "file,label10\nramp.npy,0\n");
  config_.to_share = 0.7;
  EXPECT_THAT((*LoadSeries(config_, plan_))[0].values, ElementsAre(0, 1, 2, 3, 4, 5, 6));
  config_.from_share = 0.7;
  config_.to_share = 1;
  EXPECT_THAT((*LoadSeries(config_, plan_))[0].values, ElementsAre(7, 8, 9));
}

TEST_F(RecordingsTest, AMissingRecordingNamesTheManifestsRow) {
  Write("manifest.csv", "file,label10\na.npy,0\nnone.npy,0\n");
  EXPECT_THAT(LoadSeries(config_, plan_),
              IsStatus(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("manifest.csv:3: column \"file\""), HasSubstr("none.npy"))));
}

TEST_F(RecordingsTest, AMissingManifestIsNotFound) {
  EXPECT_THAT(LoadSeries(config_, plan_),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("manifest.csv")));
}

TEST_F(RecordingsTest, APathOutOfTheFolderIsRefused) {
  for (const char* file : {"../a.npy", "/etc/passwd", "sub/../../a.npy", ""}) {
    Write("manifest.csv", std::string("file,label10\n") + file + ",0\n");
    ExpectRefused(AllOf(HasSubstr("manifest.csv:2: column \"file\""),
                        HasSubstr("is not a path below the folder")));
  }
}

TEST_F(RecordingsTest, AnUnreadableRecordingNamesRowFileAndReason) {
  Write("bad.npy", "nothing");
  Write("manifest.csv", "file,label10\nbad.npy,0\n");
  ExpectRefused(
      AllOf(HasSubstr("manifest.csv:2"), HasSubstr("bad.npy"), HasSubstr("does not begin with")));
}

TEST_F(RecordingsTest, AnotherNumberOfChannelsIsRefused) {
  Array("wide.npy", {1, 2}, {1, 2});
  Write("manifest.csv", "file,label10\nwide.npy,0\n");
  ExpectRefused(HasSubstr("wide.npy: 2 channels where the plan names 1 (accel)"));
}

TEST_F(RecordingsTest, ANumberThatIsNotFiniteIsNamed) {
  Array("nan.npy", {3}, {1, 2, std::numeric_limits<float>::quiet_NaN()});
  Write("manifest.csv", "file,label10\nnan.npy,0\n");
  ExpectRefused(HasSubstr("nan.npy: step 2 of channel accel is not a finite number"));
}

TEST_F(RecordingsTest, AnEmptyRecordingIsRefused) {
  Array("empty.npy", {0}, {});
  Write("manifest.csv", "file,label10\nempty.npy,0\n");
  ExpectRefused(HasSubstr("empty.npy: no samples"));
}

TEST_F(RecordingsTest, ALabelThatIsNoClassIsRefused) {
  Write("manifest.csv", "file,label10\na.npy,10\n");
  ExpectRefused(HasSubstr("manifest.csv:2: column \"label10\": label 10 is not one of"));
}

TEST_F(RecordingsTest, AnUnknownFilterColumnIsRefused) {
  Write("manifest.csv", "file,label10\na.npy,1\n");
  config_.where = {{.column = "site", .values = {"0hp"}}};
  ExpectRefused(HasSubstr("no column \"site\"; the file has \"file\", \"label10\""));
}

TEST_F(RecordingsTest, AFilterThatLeavesNothingIsRefused) {
  Write("manifest.csv", "file,site,label10\na.npy,s0,1\n");
  config_.where = {{.column = "site", .values = {"0hp", "1hp"}}};
  ExpectRefused(HasSubstr("no recording is left by where: site in [0hp, 1hp]"));
}

TEST_F(RecordingsTest, RateOfARecordingIsThatOfThePlanWhereBothAreSaid) {
  Write("manifest.csv", "file,rate_hz,label10\na.npy,33.3333,0\nb.npy,,1\n");
  EXPECT_EQ(LoadSeries(config_, plan_)->size(), 2u) << "the plan says none";
  plan_.input.rate_hz = 100.0 / 3;
  EXPECT_EQ(LoadSeries(config_, plan_)->size(), 2u);
  plan_.input.rate_hz = 10;
  ExpectRefused(AllOf(HasSubstr("manifest.csv:2: column \"rate_hz\""),
                      HasSubstr("33.3333 rows a second, the plan's [input] rate_hz is 10")));
  config_.where = {{.column = "file", .values = {"b.npy"}}};
  EXPECT_EQ(LoadSeries(config_, plan_)->size(), 1u);
}

TEST_F(RecordingsTest, RunToFailureLabelsAreRefused) {
  Write("manifest.csv", "file,label10\na.npy,1\n");
  plan_.label.kind = LabelKind::kRunToFailure;
  ExpectRefused(HasSubstr("recordings have one label each"));
}

TEST_F(RecordingsTest, ARecordingBeyondMaxBytesIsRefused) {
  Array("long.npy", {1000}, std::vector<float>(1000));
  Write("manifest.csv", "file,label10\nlong.npy,1\n");
  config_.max_bytes = 1000;
  EXPECT_THAT(LoadSeries(config_, plan_),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("long.npy")));
}

}  // namespace
}  // namespace millrace
