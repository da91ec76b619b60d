// SPDX-License-Identifier: Apache-2.0
// What the reader of delimited text refuses, and that the message leads to the place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "client/data/load.h"
#include "client/data/site_message.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/data_files.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::ColumnPlan;
using ::testing::HasSubstr;
using testing::IsStatus;
using ::testing::Not;
using testing::PlanOf;
using testing::RunToFailurePlan;

class DelimitedRefusalTest : public testing::DataFiles {
 protected:
  template <typename Matcher>
  void ExpectRefused(absl::string_view text, const Plan& plan, const Matcher& message) {
    config_.path = Write("a.csv", text);
    EXPECT_THAT(LoadSeries(config_, plan), IsStatus(absl::StatusCode::kInvalidArgument, message));
  }

  DataConfig config_;
};

TEST_F(DelimitedRefusalTest, MissingColumnsAreAllNamedWithThoseThatExist) {
  config_.unit = "engine";
  ExpectRefused("time,x\n1,2\n", PlanOf({"x", "y", "z"}),
                AllOf(HasSubstr("a.csv: no column \"y\", \"z\", \"engine\""),
                      HasSubstr("the file has \"time\", \"x\"")));
}

TEST_F(DelimitedRefusalTest, ARenameOfNoColumnNamesIt) {
  config_.renames = {{.column = "X", .name = "x"}};
  ExpectRefused("a,b\n1,2\n", PlanOf({"x"}), HasSubstr("rename of column \"X\""));
}

TEST_F(DelimitedRefusalTest, ANameThatTwoColumnsBearIsAmbiguous) {
  ExpectRefused("x,x\n1,2\n", PlanOf({"x"}), HasSubstr("two columns are called \"x\""));
}

TEST_F(DelimitedRefusalTest, TextWhereANumberBelongsIsNamedWithItsPlace) {
  ExpectRefused("x,y\n1,2\n3,off\n", PlanOf({"x", "y"}),
                HasSubstr("a.csv:3: column \"y\": \"off\" is not a number"));
}

TEST_F(DelimitedRefusalTest, AnInfinityIsNamedWithItsPlace) {
  ExpectRefused("x,y\n1,2\ninf,2\n", PlanOf({"x", "y"}),
                HasSubstr("a.csv:3: column \"x\": \"inf\" is not a finite"));
}

TEST_F(DelimitedRefusalTest, AMissingValueNamesTheWayOut) {
  for (const char* missing : {"", "NaN", "NA"}) {
    ExpectRefused(
        std::string("x,y\n1,2\n") + missing + ",2\n", PlanOf({"x", "y"}),
        AllOf(HasSubstr("a.csv:3: column \"x\": no value"), HasSubstr("missing = \"drop\"")));
  }
}

TEST_F(DelimitedRefusalTest, AnEmptyFileIsRefused) {
  ExpectRefused("", PlanOf({"x"}), HasSubstr("a.csv: empty file"));
  ExpectRefused("x\n", PlanOf({"x"}), HasSubstr("empty file; no row of data"));
}

TEST_F(DelimitedRefusalTest, NoRowLeftAfterDroppingIsRefused) {
  config_.missing = MissingPolicy::kDrop;
  ExpectRefused("x\nNA\nNA\n", PlanOf({"x"}), HasSubstr("no row is left"));
}

TEST_F(DelimitedRefusalTest, AWrongNumberOfFieldsIsRefused) {
  ExpectRefused("x,y\n1,2\n3\n4,5\n", PlanOf({"x"}),
                HasSubstr("a.csv:3: 1 fields where 2 columns are named"));
  ExpectRefused("x,y\n1,2\n3,4,5\n", PlanOf({"x"}), HasSubstr("a.csv:3: 3 fields"));
}

TEST_F(DelimitedRefusalTest, TooManyFieldsAreNotTakenForAHalfWrittenLine) {
  ExpectRefused("x,y\n1,2\n3,4,5", PlanOf({"x"}), HasSubstr("a.csv:3: 3 fields"));
}

TEST_F(DelimitedRefusalTest, AnUnreadableFieldBeforeTheLastIsNoHalfWrittenLine) {
  ExpectRefused("x,y\n1,2\noff,4", PlanOf({"x"}), HasSubstr("a.csv:3: column \"x\""));
}

TEST_F(DelimitedRefusalTest, AHalfLineThatIsTerminatedIsRefused) {
  ExpectRefused("x,y\n1,2\n3,-\n", PlanOf({"x", "y"}), HasSubstr("a.csv:3: column \"y\""));
}

TEST_F(DelimitedRefusalTest, AnUnendedQuoteIsRefused) {
  ExpectRefused("x,y\n1,\"2\n3,4\n", PlanOf({"x"}), HasSubstr("a.csv:2: a quote does not end"));
}

TEST_F(DelimitedRefusalTest, OrderMustAscendWithinAUnit) {
  config_.unit = "unit";
  config_.order = "cycle";
  const Plan plan = PlanOf({"x"});
  const auto message = HasSubstr("a.csv:4: column \"cycle\": \"1\" does not come after");
  ExpectRefused("unit,cycle,x\n7,1,0\n8,1,0\n8,1,0\n", plan, message);
  ExpectRefused("unit,cycle,x\n7,1,0\n7,2,0\n7,1,0\n", plan, message);
}

TEST_F(DelimitedRefusalTest, AnEmptyUnitIsRefused) {
  config_.unit = "unit";
  ExpectRefused("unit,x\n,1\n", PlanOf({"x"}), HasSubstr("a.csv:2: column \"unit\": is empty"));
}

TEST_F(DelimitedRefusalTest, LabelsMustBeClassesOfThePlan) {
  for (const char* label : {"3", "-1", "0.5"}) {
    ExpectRefused(std::string("x,y\n1,2\n1,") + label + "\n", ColumnPlan({"x"}, "y", 3),
                  HasSubstr(std::string("a.csv:3: column \"y\": label ") + label +
                            " is not one of the plan's classes 0 to 2"));
  }
}

TEST_F(DelimitedRefusalTest, ATruthOfAnotherLengthIsRefused) {
  config_.truth = Write("truth.txt", "1\n2\n");
  ExpectRefused("x\n1\n", RunToFailurePlan({"x"}, 10),
                HasSubstr("truth.txt: 2 numbers for the 1 units of"));
}

TEST_F(DelimitedRefusalTest, ATruthThatIsNoNumberOfStepsIsRefused) {
  config_.truth = Write("truth.txt", "-1\n");
  ExpectRefused("x\n1\n", RunToFailurePlan({"x"}, 10),
                HasSubstr("truth.txt:1: column \"steps left\": \"-1\""));
}

TEST_F(DelimitedRefusalTest, ATruthWithoutRunToFailureLabelsIsRefused) {
  config_.truth = Write("truth.txt", "1\n");
  ExpectRefused("x\n1\n", PlanOf({"x"}), HasSubstr("remove the key"));
}

TEST_F(DelimitedRefusalTest, LabelsOfRecordingsNeedRecordings) {
  Plan plan = PlanOf({"x"});
  plan.label.kind = LabelKind::kRecording;
  ExpectRefused("x\n1\n", plan, HasSubstr("kind = \"npy\""));
}

TEST_F(DelimitedRefusalTest, APatternThatNoFileMatchesIsNotFound) {
  Write("a.txt", "x\n1\n");
  config_.path = Path("*.csv");
  EXPECT_THAT(LoadSeries(config_, PlanOf({"x"})),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("*.csv: no file of")));
}

TEST_F(DelimitedRefusalTest, APatternInAFoldersNameIsRefused) {
  config_.path = Path("*/a.csv");
  EXPECT_THAT(LoadSeries(config_, PlanOf({"x"})),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("file's name only")));
}

TEST_F(DelimitedRefusalTest, AMissingFileIsNotFound) {
  config_.path = Path("none.csv");
  EXPECT_THAT(LoadSeries(config_, PlanOf({"x"})),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("none.csv")));
}

TEST_F(DelimitedRefusalTest, NoFileValueOrUnitIsNamedInWhatMayLeaveTheSite) {
  const struct {
    const char* text;
    const char* leaves;
  } kCases[] = {
      {"unit,cycle,x\nSECRET,1,0.15 SECRET\n", "line 2: column \"x\": a value is not a number"},
      {"unit,cycle,x\nSECRET,1,inf\n", "line 2: column \"x\": a value is not a finite"},
      {"unit,cycle,x\nSECRET,7,1\nSECRET,7,1\n", "line 3: column \"cycle\": a value does not come"},
      {"SECRET,0.15\n1,2\n", "the data: no column \"x\", \"unit\", \"cycle\" (rename"},
      {"unit,cycle,x\nSECRET,1,\"SECRET\n", "line 2: a quote does not end"},
      {"unit,cycle,x\nSECRET,1\n", "line 2: 2 fields"},
  };
  config_.unit = "unit";
  config_.order = "cycle";
  for (const auto& [text, leaves] : kCases) {
    config_.path = Write("SECRET.csv", text);
    const absl::Status refused = LoadSeries(config_, PlanOf({"x"})).status();
    EXPECT_THAT(PublicText(refused), AllOf(HasSubstr(leaves), Not(HasSubstr("SECRET")),
                                           Not(HasSubstr("0.15")), Not(HasSubstr("\"7\""))))
        << refused;
  }
  config_.path = Path("SECRET/a.csv");
  EXPECT_EQ(PublicText(LoadSeries(config_, PlanOf({"x"})).status()), "[data] path: no such file");
}

TEST_F(DelimitedRefusalTest, LabelThatIsNoClassDoesNotLeaveTheSite) {
  config_.path = Write("a.csv", "x,y\n1,4711\n");
  EXPECT_EQ(PublicText(LoadSeries(config_, ColumnPlan({"x"}, "y", 3)).status()),
            "line 2: column \"y\": a label is not one of the plan's classes 0 to 2");
}

TEST_F(DelimitedRefusalTest, DamagedFilesAreReadOrRefusedButNeverCrash) {
  const std::string whole = "unit,x,y\n1,2,3\n1,\"4\",5\n2,6e1,\"7\"\"\"\n2,8,9\n";
  Random random(20);
  config_.unit = "unit";
  int refused = 0;
  for (int i = 0; i < 500; ++i) {
    std::string text = whole.substr(0, 1 + random.Below(whole.size()));
    for (int k = 0; k < 3; ++k) text[random.Below(text.size())] = static_cast<char>(random.Next());
    config_.path = Write("a.csv", text);
    ::testing::internal::CaptureStderr();  // warnings about half-written lines
    const absl::StatusOr<std::vector<Series>> series = LoadSeries(config_, PlanOf({"x", "y"}));
    ::testing::internal::GetCapturedStderr();
    refused += series.ok() ? 0 : 1;
    if (!series.ok()) {
      EXPECT_THAT(std::string(series.status().message()), HasSubstr("a.csv"));
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace millrace
