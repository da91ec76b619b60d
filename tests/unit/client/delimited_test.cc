// SPDX-License-Identifier: Apache-2.0
#include "client/data/delimited.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "client/data/load.h"
#include "client/data/site_message.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/data_files.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::ColumnPlan;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsNan;
using ::testing::Not;
using testing::PlanOf;
using testing::RunToFailurePlan;
using ::testing::SizeIs;

class DelimitedTest : public testing::DataFiles {
 protected:
  std::vector<Series> Load(const Plan& plan) {
    absl::StatusOr<std::vector<Series>> series = LoadSeries(config_, plan);
    EXPECT_THAT(series, testing::IsOk());
    return series.ok() ? *std::move(series) : std::vector<Series>{};
  }

  DataConfig config_;
};

TEST_F(DelimitedTest, ChannelsAreTakenByNameInThePlansOrder) {
  config_.path = Write("a.csv", "x,note,y\n1,abc,2\n3,def,4\n");
  const std::vector<Series> series = Load(PlanOf({"y", "x"}));
  ASSERT_EQ(series.size(), 1u);
  EXPECT_EQ(series[0].unit, "a.csv");
  EXPECT_EQ(series[0].steps, 2);
  EXPECT_THAT(series[0].values, ElementsAre(2, 1, 4, 3));
  EXPECT_THAT(series[0].cells, IsEmpty());
  EXPECT_THAT(series[0].labels, IsEmpty());
}

TEST_F(DelimitedTest, FilesOfAnotherRateOrUnitThanThePlansDoNotTrain) {
  config_.path = Write("a.csv", "x,y\n1,2\n");
  Plan plan = PlanOf({"x", "y"});
  plan.input.rate_hz = 12'000;
  plan.input.units = {"g", "rpm"};
  EXPECT_THAT(Load(plan), SizeIs(1)) << "the site says neither";
  config_.rate_hz = 12'000;
  config_.units = {{.column = "x", .unit = "g"}, {.column = "z", .unit = "V"}};
  EXPECT_THAT(Load(plan), SizeIs(1));
  config_.rate_hz = 1000;
  const absl::Status other_rate = LoadSeries(config_, plan).status();
  EXPECT_THAT(other_rate,
              testing::IsStatus(absl::StatusCode::kInvalidArgument,
                                AllOf(HasSubstr("a.csv: they come at 1000 rows a second, the "
                                                "plan's [input] rate_hz is 12000"),
                                      HasSubstr("[data] rate_hz"))));
  EXPECT_THAT(PublicText(other_rate), AllOf(HasSubstr("the data: "), Not(HasSubstr("a.csv"))));
  config_.rate_hz = 0;
  config_.units[0].unit = "m/s^2";
  EXPECT_THAT(LoadSeries(config_, plan),
              testing::IsStatus(absl::StatusCode::kInvalidArgument,
                                HasSubstr("they have the channel 'x' in m/s^2, the plan has it in "
                                          "g")));
}

TEST_F(DelimitedTest, AByteOrderMarkCrlfAndBlankLinesAreTolerated) {
  config_.path = Write("a.csv", "\xef\xbb\xbfx;y\r\n\r\n1;2\r\n3;4\r\n\r\n");
  config_.separator = ';';
  EXPECT_THAT(Load(PlanOf({"x", "y"}))[0].values, ElementsAre(1, 2, 3, 4));
}

TEST_F(DelimitedTest, AGzipFileReadsLikeThePlainOne) {
  config_.path = WriteGzip("a.csv.gz", "x\n1\n2\n");
  EXPECT_THAT(Load(PlanOf({"x"}))[0].values, ElementsAre(1, 2));
}

TEST_F(DelimitedTest, RenamedColumnsAnswerToThePlansNames) {
  config_.path = Write("a.csv", "Accelerometer1RMS,b\n1,2\n");
  config_.renames = {{.column = "Accelerometer1RMS", .name = "accel_1"}};
  EXPECT_THAT(Load(PlanOf({"accel_1"}))[0].values, ElementsAre(1));
}

TEST_F(DelimitedTest, TwoColumnsCanSwapNames) {
  config_.path = Write("a.csv", "a,b\n1,2\n");
  config_.renames = {{.column = "a", .name = "b"}, {.column = "b", .name = "a"}};
  EXPECT_THAT(Load(PlanOf({"a", "b"}))[0].values, ElementsAre(2, 1));
}

TEST_F(DelimitedTest, InterleavedUnitsAreToldApart) {
  config_.path = Write("a.csv", "unit,x\np,1\nq,10\np,2\nq,20\np,3\n");
  config_.unit = "unit";
  const std::vector<Series> series = Load(PlanOf({"x"}));
  ASSERT_EQ(series.size(), 2u);
  EXPECT_EQ(series[0].unit, "p");
  EXPECT_THAT(series[0].values, ElementsAre(1, 2, 3));
  EXPECT_EQ(series[1].unit, "q");
  EXPECT_THAT(series[1].values, ElementsAre(10, 20));
}

TEST_F(DelimitedTest, FilesOfAPatternKeepTheirUnitsApart) {
  Write("b.csv", "unit,x\n1,5\n");
  Write("a.csv", "x,unit\n3,1\n");
  Write("a.txt", "not,read\n");
  Write(".hidden.csv", "not,read\n");
  config_.path = Path("*.csv");
  config_.unit = "unit";
  const std::vector<Series> series = Load(PlanOf({"x"}));
  ASSERT_EQ(series.size(), 2u);
  EXPECT_EQ(series[0].unit, "a.csv:1");
  EXPECT_THAT(series[0].values, ElementsAre(3));
  EXPECT_EQ(series[1].unit, "b.csv:1");
  EXPECT_THAT(series[1].values, ElementsAre(5));
}

TEST_F(DelimitedTest, TimesAscendAsText) {
  config_.path = Write("a.csv", "t,x\n2020-03-09 10:14:59,1\n2020-03-09 10:15:00,2\n");
  config_.order = "t";
  EXPECT_EQ(Load(PlanOf({"x"}))[0].steps, 2);
}

TEST_F(DelimitedTest, NumbersAscendAsNumbers) {
  config_.path = Write("a.csv", "t,x\n9,1\n10,2\n");
  config_.order = "t";
  EXPECT_EQ(Load(PlanOf({"x"}))[0].steps, 2);
}

TEST_F(DelimitedTest, RunToFailureCountsDownToTheLastRowUnderTheCap) {
  config_.path = Write("a.csv", "unit,x\n1,0\n1,0\n1,0\n1,0\n2,0\n2,0\n");
  config_.unit = "unit";
  const std::vector<Series> series = Load(RunToFailurePlan({"x"}, 2));
  EXPECT_THAT(series[0].labels, ElementsAre(2, 2, 1, 0));
  EXPECT_THAT(series[1].labels, ElementsAre(1, 0));
}

TEST_F(DelimitedTest, TruthAddsTheStepsAfterTheLastRow) {
  config_.path = Write("a.csv", "unit,x\nq,0\nq,0\np,0\np,0\n");
  config_.truth = Write("truth.txt", "7 \n2.5\n");
  config_.unit = "unit";
  const std::vector<Series> series = Load(RunToFailurePlan({"x"}, 7.5));
  EXPECT_THAT(series[0].labels, ElementsAre(7.5, 7));  // q came first
  EXPECT_THAT(series[1].labels, ElementsAre(3.5, 2.5));
}

TEST_F(DelimitedTest, ALabelColumnGivesALabelAtEveryRow) {
  config_.path = Write("a.csv", "x,anomaly\n1,0.0\n2,1.0\n");
  EXPECT_THAT(Load(ColumnPlan({"x"}, "anomaly", 2))[0].labels, ElementsAre(0, 1));
  EXPECT_THAT(Load(ColumnPlan({"x"}, "anomaly", 0))[0].labels, ElementsAre(0, 1));
}

TEST_F(DelimitedTest, ModeColumnsGiveTheCellOfEachRow) {
  config_.path = Write("a.csv", "x,speed\n1,905\n2,1795\n");
  Plan plan = PlanOf({"x"});
  plan.input.modes = {{.column = "speed", .step = 300, .min = 900, .max = 1800}};
  EXPECT_THAT(Load(plan)[0].cells, ElementsAre(0, 3));
}

TEST_F(DelimitedTest, AGapPartsAUnitIntoSegmentsWhoseLabelsCountOn) {
  config_.path = Write("a.csv", "x,y\n1,1\n2,\n3,3\n4,NA\nnan,5\n6,6\n7,7\n");
  config_.missing = MissingPolicy::kDrop;
  const std::vector<Series> series = Load(RunToFailurePlan({"x", "y"}, 100));
  ASSERT_EQ(series.size(), 3u);
  for (const Series& s : series) EXPECT_EQ(s.unit, "a.csv");
  EXPECT_THAT(series[0].values, ElementsAre(1, 1));
  EXPECT_THAT(series[0].labels, ElementsAre(6));
  EXPECT_THAT(series[1].values, ElementsAre(3, 3));
  EXPECT_THAT(series[1].labels, ElementsAre(4));
  EXPECT_THAT(series[2].values, ElementsAre(6, 6, 7, 7));
  EXPECT_THAT(series[2].labels, ElementsAre(1, 0));
}

TEST_F(DelimitedTest, AMissingModeIsAGapToo) {
  config_.path = Write("a.csv", "x,speed\n1,900\n2,\n3,1200\n");
  config_.missing = MissingPolicy::kDrop;
  Plan plan = PlanOf({"x"});
  plan.input.modes = {{.column = "speed", .step = 300, .min = 900, .max = 1800}};
  const std::vector<Series> series = Load(plan);
  ASSERT_EQ(series.size(), 2u);
  EXPECT_THAT(series[1].cells, ElementsAre(1));
}

TEST_F(DelimitedTest, ARowThatLacksOnlyItsLabelStaysWithoutOne) {
  config_.path = Write("a.csv", "x,quality\n1,\n2,0.5\n");
  config_.missing = MissingPolicy::kDrop;
  const std::vector<Series> series = Load(ColumnPlan({"x"}, "quality", 0));
  ASSERT_EQ(series.size(), 1u);
  EXPECT_THAT(series[0].values, ElementsAre(1, 2));
  EXPECT_THAT(series[0].labels, ElementsAre(IsNan(), 0.5));
}

TEST_F(DelimitedTest, SharesCutEachSeriesByTimeAfterItsLabels) {
  config_.path = Write("a.csv", "x\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  config_.to_share = 0.3;
  const Plan plan = RunToFailurePlan({"x"}, 100);
  EXPECT_THAT(Load(plan)[0].values, ElementsAre(0, 1, 2));
  config_.from_share = 0.7;
  config_.to_share = 1;
  const std::vector<Series> rest = Load(plan);
  EXPECT_EQ(rest[0].steps, 3);
  EXPECT_THAT(rest[0].values, ElementsAre(7, 8, 9));
  EXPECT_THAT(rest[0].labels, ElementsAre(2, 1, 0));
}

class HalfWrittenTest : public DelimitedTest {
 protected:
  // The values that remain, and the warning that was logged.
  std::vector<float> LoadWatched(absl::string_view text, std::string* warning) {
    config_.path = Write("a.csv", text);
    ::testing::internal::CaptureStderr();
    const std::vector<Series> series = Load(PlanOf({"x", "y"}));
    *warning = ::testing::internal::GetCapturedStderr();
    return series[0].values;
  }
};

TEST_F(HalfWrittenTest, ALastLineWithTooFewFieldsIsDroppedWithAWarning) {
  std::string warning;
  EXPECT_THAT(LoadWatched("x,y\n1,2\n3", &warning), ElementsAre(1, 2));
  EXPECT_THAT(warning, HasSubstr("a.csv:3"));
}

TEST_F(HalfWrittenTest, ALastLineWhoseLastFieldIsNoNumberIsDroppedWithAWarning) {
  for (const char* text : {"x,y\n1,2\n3,-", "x,y\n1,2\n3,", "x,y\n1,2\n3,4e"}) {
    std::string warning;
    EXPECT_THAT(LoadWatched(text, &warning), ElementsAre(1, 2)) << text;
    EXPECT_THAT(warning, HasSubstr("a.csv:3")) << text;
  }
}

TEST_F(HalfWrittenTest, AWholeLastLineWithoutNewlineIsKeptWithAWarning) {
  std::string warning;
  EXPECT_THAT(LoadWatched("x,y\n1,2\n3,1.", &warning), ElementsAre(1, 2, 3, 1));
  EXPECT_THAT(warning, AllOf(HasSubstr("may be cut"), HasSubstr("a.csv:3")));
  EXPECT_THAT(LoadWatched("x,y\n1,2\n3,1.5\n", &warning), ElementsAre(1, 2, 3, 1.5));
  EXPECT_THAT(warning, IsEmpty());
}

}  // namespace
}  // namespace millrace
