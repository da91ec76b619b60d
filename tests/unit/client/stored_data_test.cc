// SPDX-License-Identifier: Apache-2.0
// What a site trains on from what its daemon has recorded and captured.
#include <gmock/gmock.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "client/capture/capture_folder.h"
#include "client/data/capture_export.h"
#include "client/data/load.h"
#include "client/store/store_writer.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/client/capture/captures_testing.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;
using testing::kSecond;
using ::testing::SizeIs;
using testing::SomeCapture;
using testing::TemporaryFolder;

/// A plan over these channels, with this [label].
Plan PlanOver(const std::string& channels, const std::string& model, const std::string& label) {
  return ParsePlan(absl::StrCat(R"(
[run]
name = "pumps"
[cohort]
target = 4
minimum = 4
[model]
)",
                                model, R"(
[input]
channels = [)",
                                channels, R"(]
window = 2
[label]
)",
                                label))
      .value();
}

Plan NormalPlan(const std::string& channels = "\"current\"") {
  return PlanOver(channels, "kind = \"autoencoder\"\nhidden = [2]", "kind = \"none\"");
}

Plan FaultPlan() {
  return PlanOver("\"current\", \"temperature\"", "kind = \"mlp\"\nhidden = [2]",
                  "kind = \"recording\"\nclasses = 4");
}

/// Rows of two channels without a fault.
StoredRows SoundRows(const std::string& machine, int64_t first_s, int64_t rows) {
  StoredRows some = testing::SomeRows(machine, first_s, rows);
  some.flags.assign(some.flags.size(), Flag::kNotEvaluated);
  return some;
}

class StoredDataTest : public ::testing::Test {
 protected:
  StoredDataTest() {
    config_.kind = DataKind::kStore;
    config_.path = folder_.path() + "/recordings";
    config_.captures_folder = folder_.path() + "/captures";
    writer_ = StoreWriter::Open(PosixFileSystem(), config_.path, {}).value();
  }

  void Record(const StoredRows& rows) {
    MR_ASSERT_OK(writer_->Add(rows));
    MR_ASSERT_OK(writer_->Sync(kSecond));
  }
  void Keep(const Capture& capture, double label) {
    CaptureFolder captures(PosixFileSystem(), config_.captures_folder);
    MR_ASSERT_OK(PosixFileSystem()->CreateDirectories(config_.captures_folder));
    MR_ASSERT_OK(captures.Add(capture, int64_t{1} << 30));
    MR_ASSERT_OK(captures.SetLabel(capture.event.Id(), {label, "", ""}));
  }
  static std::vector<int64_t> StepsOf(const std::vector<Series>& series) {
    std::vector<int64_t> steps;
    for (const Series& one : series) steps.push_back(one.steps);
    return steps;
  }

  TemporaryFolder folder_;
  DataConfig config_;
  std::unique_ptr<StoreWriter> writer_;
};

TEST_F(StoredDataTest, RecordedRowsOfThePlansChannelsTrain) {
  Record(SoundRows("pump-1", 100, 5));
  Record(SoundRows("pump-2", 200, 3));
  MR_ASSERT_OK_AND_ASSIGN(const auto series, LoadSeries(config_, NormalPlan()));
  ASSERT_THAT(series, SizeIs(2));
  EXPECT_EQ(series[0].unit, "pump-1");
  EXPECT_THAT(series[0].values, ElementsAre(100, 101, 102, 103, 104));
  EXPECT_THAT(series[1].values, ElementsAre(200, 201, 202));
  MR_ASSERT_OK(writer_->Flush());
  MR_ASSERT_OK_AND_ASSIGN(const auto again, LoadSeries(config_, NormalPlan()));
  EXPECT_EQ(again[0].values, series[0].values) << "from the store as from its journal";
  config_.machines = {"pump-2"};
  EXPECT_THAT(LoadSeries(config_, NormalPlan()).value(), SizeIs(1));
}

TEST_F(StoredDataTest, NoWindowHoldsAFlaggedOrAMissingRow) {
  StoredRows rows = SoundRows("pump-1", 100, 10);
  rows.flags[2 * 3] = Flag::kSuspect;                            // current, at 103
  rows.values[2 * 6] = std::numeric_limits<float>::quiet_NaN();  // current, at 106
  rows.flags[2 * 8 + 1] = Flag::kFail;                           // temperature, at 108
  Record(rows);
  Record(SoundRows("pump-1", 120, 2));
  MR_ASSERT_OK_AND_ASSIGN(const auto series, LoadSeries(config_, NormalPlan()));
  EXPECT_THAT(StepsOf(series), ElementsAre(3, 2, 3, 2)) << "the plan has no temperature";
  MR_ASSERT_OK_AND_ASSIGN(const auto both,
                          LoadSeries(config_, NormalPlan("\"current\", \"temperature\"")));
  EXPECT_THAT(StepsOf(both), ElementsAre(3, 2, 1, 1, 2));
}

TEST_F(StoredDataTest, RowsOfAnAlarmAreNotLearntAsNormal) {
  StoredRows rows = SoundRows("pump-1", 100, 6);
  rows.alarms = {0, 0, 0, 1, 1, 0};
  Record(rows);
  EXPECT_THAT(StepsOf(LoadSeries(config_, NormalPlan()).value()), ElementsAre(3, 1));
  AlarmTimes alarms;  // that were told of later
  alarms.Add("pump-1", 101 * kSecond, 101 * kSecond);
  MR_ASSERT_OK(writer_->AddAlarms(alarms));
  EXPECT_THAT(StepsOf(LoadSeries(config_, NormalPlan()).value()), ElementsAre(1, 1, 1));
  config_.alarms = true;
  EXPECT_THAT(StepsOf(LoadSeries(config_, NormalPlan()).value()), ElementsAre(6));
}

TEST_F(StoredDataTest, RateThatWasChangedBeginsTheRecordingAnew) {
  Record(SoundRows("pump-1", 100, 5));
  StoredRows faster = SoundRows("pump-1", 200, 4);
  faster.period_ns = kSecond / 2;
  Record(faster);
  EXPECT_THAT(StepsOf(LoadSeries(config_, NormalPlan()).value()), ElementsAre(4));
}

TEST_F(StoredDataTest, UnitThatWasChangedBeginsTheRecordingAnew) {
  Record(SoundRows("pump-1", 100, 5));
  StoredRows rows = SoundRows("pump-1", 200, 4);
  rows.units = {"A", "°F"};
  Record(rows);
  rows = SoundRows("pump-1", 300, 3);
  rows.units = {"A", "°C"};
  Record(rows);
  Record(SoundRows("pump-1", 400, 2));
  EXPECT_THAT(StepsOf(LoadSeries(config_, NormalPlan()).value()), ElementsAre(5, 4, 3, 2))
      << "the plan has no temperature";
  EXPECT_THAT(StepsOf(LoadSeries(config_, NormalPlan("\"current\", \"temperature\"")).value()),
              ElementsAre(3, 2));
}

TEST_F(StoredDataTest, OnlyRowsAtThePlansRateTrainWhereItSaysOne) {
  Record(SoundRows("pump-1", 100, 5));
  StoredRows faster = SoundRows("pump-1", 200, 4);
  faster.period_ns = kSecond / 2;
  Record(faster);
  Plan plan = NormalPlan();
  plan.input.rate_hz = 1;
  EXPECT_THAT(StepsOf(LoadSeries(config_, plan).value()), ElementsAre(5))
      << "though not the newest";
  plan.input.rate_hz = 10;
  const absl::Status refused = LoadSeries(config_, plan).status();
  EXPECT_THAT(refused, IsStatus(absl::StatusCode::kInvalidArgument,
                                AllOf(HasSubstr("they come at 2 rows a second, the plan's [input] "
                                                "rate_hz is 10"),
                                      HasSubstr("[[machine]] rate_hz"))));
}

TEST_F(StoredDataTest, OnlyRowsInThePlansUnitsTrainWhereTheSiteHasSaidThem) {
  Record(SoundRows("pump-1", 100, 5));  // of before it said any
  StoredRows rows = SoundRows("pump-1", 200, 4);
  rows.units = {"A", "°F"};
  Record(rows);
  Plan plan = NormalPlan("\"current\", \"temperature\"");
  EXPECT_THAT(StepsOf(LoadSeries(config_, plan).value()), ElementsAre(5, 4));
  plan.input.units = {"A", ""};
  EXPECT_THAT(StepsOf(LoadSeries(config_, plan).value()), ElementsAre(5, 4));
  plan.input.units = {"A", "°C"};
  EXPECT_THAT(LoadSeries(config_, plan).status(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("'temperature' in °F")))
      << "and so were those of before";
  config_.days = 1;
  Record(SoundRows("pump-2", 100, 1));
  rows.machine = "pump-2";
  rows.first_ns += 3 * 86'400 * kSecond;
  Record(rows);
  config_.machines = {"pump-2"};
  EXPECT_THAT(LoadSeries(config_, plan).status(),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       HasSubstr("have the channel 'temperature' in °F, the plan has it in °C")));
}

TEST_F(StoredDataTest, LabelledCaptureInAnotherUnitDoesNotTrain) {
  config_.kind = DataKind::kCaptures;
  config_.path = config_.captures_folder;
  Capture capture = SomeCapture(1000);
  capture.rows = {SoundRows("pump-1", 990, 20)};
  capture.rows[0].units = {"mA", "°C"};
  Keep(capture, 3);
  Plan plan = FaultPlan();
  EXPECT_THAT(LoadSeries(config_, plan).value(), SizeIs(1));
  plan.input.units = {"A", "°C"};
  EXPECT_THAT(LoadSeries(config_, plan).status(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("'current' in mA")));
}

TEST_F(StoredDataTest, DaysCountBackFromTheNewestRow) {
  Record(SoundRows("pump-1", 100, 5));
  Record(SoundRows("pump-1", 100 + 3 * 86'400, 4));
  EXPECT_THAT(StepsOf(LoadSeries(config_, NormalPlan()).value()), ElementsAre(5, 4));
  config_.days = 2;
  EXPECT_THAT(StepsOf(LoadSeries(config_, NormalPlan()).value()), ElementsAre(4));
}

TEST_F(StoredDataTest, RowsThatAWrongClockHasDatedAheadHideNothing) {
  Record(SoundRows("pump-1", 100, 5));
  Record(SoundRows("pump-1", 7'200'000'000, 4));
  config_.days = 2;
  EXPECT_THAT(StepsOf(LoadSeries(config_, NormalPlan()).value()), ElementsAre(5));
}

TEST_F(StoredDataTest, OfALargeStoreTheNewestRowsOfTheMachinesAskedForTrain) {
  Record(SoundRows("pump-1", 100, 5));
  MR_ASSERT_OK(writer_->Flush());
  Record(SoundRows("pump-1", 200, 4));
  MR_ASSERT_OK(writer_->Flush());
  const int64_t bytes = writer_->totals().bytes;
  Record(SoundRows("pump-2", 300, 1000));
  MR_ASSERT_OK(writer_->Flush());
  config_.machines = {"pump-1"};
  config_.max_bytes = bytes;
  EXPECT_THAT(StepsOf(LoadSeries(config_, NormalPlan()).value()), ElementsAre(5, 4))
      << "the other machine's rows take no room";
  config_.max_bytes = bytes - 1;
  EXPECT_THAT(StepsOf(LoadSeries(config_, NormalPlan()).value()), ElementsAre(4));
}

TEST_F(StoredDataTest, ColumnOfTheRecordingIsALabel) {
  StoredRows rows = SoundRows("pump-1", 100, 3);
  rows.flags[2 * 1 + 1] = Flag::kFail;
  Record(rows);
  const Plan plan = PlanOver("\"current\"", "kind = \"mlp\"\nhidden = [2]",
                             "kind = \"column\"\ncolumn = \"temperature\"");
  MR_ASSERT_OK_AND_ASSIGN(const auto series, LoadSeries(config_, plan));
  ASSERT_THAT(series, SizeIs(1));
  EXPECT_EQ(series[0].labels[0], 0.5F);
  EXPECT_TRUE(std::isnan(series[0].labels[1])) << "it was flagged";
}

TEST_F(StoredDataTest, WhatIsMissingIsSaid) {
  EXPECT_THAT(LoadSeries(config_, NormalPlan()).status(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("nothing is recorded")));
  Record(testing::SomeRows("pump-1", 101, 1));
  StoredRows flagged = SoundRows("pump-1", 100, 2);
  flagged.flags.assign(flagged.flags.size(), Flag::kFail);
  Record(flagged);
  EXPECT_THAT(LoadSeries(config_, NormalPlan("\"speed\"")).status(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("speed")));
  EXPECT_THAT(LoadSeries(config_, FaultPlan()).status(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("captures")));
  config_.path = folder_.path() + "/nowhere";
  EXPECT_THAT(LoadSeries(config_, NormalPlan()).status(),
              IsStatus(absl::StatusCode::kNotFound, ::testing::_));
}

TEST_F(StoredDataTest, LabelledCapturesTrainAClassifier) {
  config_.kind = DataKind::kCaptures;
  config_.path = config_.captures_folder;
  Capture capture = SomeCapture(1000);
  capture.rows = {SoundRows("pump-1", 990, 20)};
  Keep(capture, 3);
  CaptureFolder captures(PosixFileSystem(), config_.path);
  MR_ASSERT_OK(captures.Add(SomeCapture(5000), int64_t{1} << 30));  // nobody has looked at it
  MR_ASSERT_OK_AND_ASSIGN(const auto series, LoadSeries(config_, FaultPlan()));
  ASSERT_THAT(series, SizeIs(1));
  EXPECT_EQ(series[0].unit, capture.event.Id());
  EXPECT_EQ(series[0].steps, 20);
  std::vector<int> labelled;
  for (int i = 0; i < 20; ++i) {
    if (std::isnan(series[0].labels[i])) continue;
    EXPECT_EQ(series[0].labels[i], 3);
    labelled.push_back(990 + i);
  }
  EXPECT_THAT(labelled, ElementsAre(998, 999, 1000, 1001, 1002))
      << "windows that share half of the one that called for it";
}

TEST_F(StoredDataTest, LabelThatThePlanDoesNotKnowKeepsNoOtherCaptureFromTraining) {
  config_.kind = DataKind::kCaptures;
  config_.path = config_.captures_folder;
  for (const double label : {99, 3}) {
    Capture capture = SomeCapture(static_cast<int64_t>(1000 * label));
    capture.rows = {SoundRows("pump-1", static_cast<int64_t>(1000 * label) - 10, 20)};
    Keep(capture, label);
  }
  MR_ASSERT_OK_AND_ASSIGN(const auto series, LoadSeries(config_, FaultPlan()));
  ASSERT_THAT(series, SizeIs(1));
  EXPECT_EQ(series[0].unit, SomeCapture(3000).event.Id());
}

/// A zero is no fault, the normal state, or an hour in which a machine ends.
TEST_F(StoredDataTest, LabelTrainsWhatItIsOf) {
  config_.kind = DataKind::kCaptures;
  config_.path = config_.captures_folder;
  const auto keep = [&](int64_t second, const std::string& model, CaptureTrigger trigger) {
    Capture capture = SomeCapture(second, 1, trigger);
    capture.rows = {SoundRows("pump-1", second - 10, 20)};
    capture.event.model = model;
    capture.event.own_labels = model == "lives" || model == "faults";
    Keep(capture, 0);
  };
  keep(1000, "lives", CaptureTrigger::kAlarm);
  keep(2000, "faults", CaptureTrigger::kLowConfidence);
  keep(3000, "anomalies", CaptureTrigger::kAlarm);
  keep(4000, "lives", CaptureTrigger::kRandom);
  keep(5000, "", CaptureTrigger::kButton);
  const auto trains = [&](Plan plan, const std::string& run) {
    plan.run.name = run;
    std::vector<int64_t> seconds;
    const std::vector<Series> series = LoadSeries(config_, plan).value();
    for (const Series& one : series) {
      for (const int64_t second : {1000, 2000, 3000, 4000, 5000}) {
        for (const auto trigger : {CaptureTrigger::kAlarm, CaptureTrigger::kLowConfidence,
                                   CaptureTrigger::kRandom, CaptureTrigger::kButton}) {
          if (one.unit == SomeCapture(second, 1, trigger).event.Id()) seconds.push_back(second);
        }
      }
    }
    return seconds;
  };
  EXPECT_THAT(trains(NormalPlan(), "anomalies"), ElementsAre(3000, 4000, 5000));
  EXPECT_THAT(trains(FaultPlan(), "faults"), ElementsAre(2000, 3000, 4000, 5000));
  const Plan lives = PlanOver("\"current\"", "kind = \"mlp\"\nhidden = [2]",
                              "kind = \"recording\"\ncolumn = \"hours\"");
  EXPECT_THAT(trains(lives, "lives"), ElementsAre(1000, 4000, 5000));
}

TEST_F(StoredDataTest, OfTooManyCapturesTheNewestTrain) {
  config_.kind = DataKind::kCaptures;
  config_.path = config_.captures_folder;
  for (const int64_t second : {1000, 2000, 3000}) {
    Capture capture = SomeCapture(second);
    capture.rows = {SoundRows("pump-1", second - 10, 20)};
    Keep(capture, 1);
  }
  const CaptureFolder captures(PosixFileSystem(), config_.path);
  config_.max_bytes = 2 * captures.List()->front().bytes;
  MR_ASSERT_OK_AND_ASSIGN(const auto series, LoadSeries(config_, FaultPlan()));
  EXPECT_THAT(series, ElementsAre(Field(&Series::unit, SomeCapture(2000).event.Id()),
                                  Field(&Series::unit, SomeCapture(3000).event.Id())));
}

TEST_F(StoredDataTest, FalseAlarmsTrainTheNormalStateBesidesTheRecording) {
  Record(SoundRows("pump-1", 100, 5));
  Capture harmless = SomeCapture(1000);
  harmless.rows = {SoundRows("pump-1", 990, 20)};
  Keep(harmless, 0);
  Keep(SomeCapture(2000), 2);
  config_.with_captures = true;
  MR_ASSERT_OK_AND_ASSIGN(const auto series, LoadSeries(config_, NormalPlan()));
  EXPECT_THAT(StepsOf(series), ElementsAre(5, 20));
}

TEST_F(StoredDataTest, ExportedCapturesAreReadBack) {
  Capture capture = SomeCapture(1000);
  capture.rows = {SoundRows("pump-1", 990, 20)};
  Keep(capture, 2);
  const CaptureFolder captures(PosixFileSystem(), config_.captures_folder);
  const std::string to = folder_.path() + "/export";
  const auto entries = captures.List().value();
  EXPECT_EQ(ExportCaptures(captures, entries, CaptureFormat::kCsv, PosixFileSystem(), to).value(),
            1);
  EXPECT_EQ(ExportCaptures(captures, entries, CaptureFormat::kNpy, PosixFileSystem(), to).value(),
            1);

  DataConfig csv;
  csv.path = to + "/captures.csv";
  csv.unit = "capture";
  csv.order = "time";
  csv.missing = MissingPolicy::kDrop;
  const Plan by_row = PlanOver("\"current\", \"temperature\"", "kind = \"mlp\"\nhidden = [2]",
                               "kind = \"column\"\ncolumn = \"label\"\nclasses = 4");
  MR_ASSERT_OK_AND_ASSIGN(const auto rows, LoadSeries(csv, by_row));
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].steps, 20);
  EXPECT_EQ(rows[0].labels[10], 2);
  EXPECT_TRUE(std::isnan(rows[0].labels[0]));

  DataConfig npy;
  npy.kind = DataKind::kNpy;
  npy.path = to;
  MR_ASSERT_OK_AND_ASSIGN(const auto arrays, LoadSeries(npy, FaultPlan()));
  ASSERT_THAT(arrays, SizeIs(1));
  EXPECT_EQ(arrays[0].values, rows[0].values);
  EXPECT_THAT(arrays[0].labels, Each(2));
}

}  // namespace
}  // namespace millrace
