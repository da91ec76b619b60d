// SPDX-License-Identifier: Apache-2.0
// What a site trains on once the unit or the rate of a machine's channels was corrected.
#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "client/capture/capture_folder.h"
#include "client/data/load.h"
#include "client/store/store_writer.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/client/capture/captures_testing.h"
#include "tests/unit/client/data_files.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::kSecond;
using ::testing::Not;
using testing::PlanOf;

constexpr char kNotTraining[] = "recordings do not train";

class StoredUnitsTest : public testing::DataFiles {
 protected:
  StoredUnitsTest() {
    config_.kind = DataKind::kStore;
    config_.path = Path("recordings");
    config_.captures_folder = Path("captures");
    writer_ = StoreWriter::Open(PosixFileSystem(), config_.path, {}).value();
  }

  static StoredRows RowsIn(const std::string& current, int64_t first_s, int64_t rows) {
    StoredRows some = testing::SomeRows("pump-1", first_s, rows);
    some.flags.assign(some.flags.size(), Flag::kPass);
    if (!current.empty()) some.units = {current, "°C"};
    return some;
  }
  void Record(const StoredRows& rows) {
    MR_ASSERT_OK(writer_->Add(rows));
    MR_ASSERT_OK(writer_->Sync(kSecond));
  }
  /// A capture that somebody says is normal.
  void Keep(int64_t second, const std::string& current, int64_t period_ns = kSecond) {
    Capture capture = testing::SomeCapture(second);
    capture.rows = {RowsIn(current, second - 10, 20)};
    capture.rows[0].period_ns = period_ns;
    CaptureFolder captures(PosixFileSystem(), config_.captures_folder);
    MR_ASSERT_OK(PosixFileSystem()->CreateDirectories(config_.captures_folder));
    MR_ASSERT_OK(captures.Add(capture, int64_t{1} << 30));
    MR_ASSERT_OK(captures.SetLabel(capture.event.Id(), {0, "", ""}));
  }
  /// When what trains begins, in seconds.
  std::vector<float> Begins() const {
    std::vector<float> begins;
    const auto loaded = LoadSeries(config_, plan_);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    if (!loaded.ok()) return begins;
    for (const Series& series : *loaded) begins.push_back(series.values[0]);
    return begins;
  }
  std::string LogOfLoading() const {
    ::testing::internal::CaptureStderr();
    LoadSeries(config_, plan_).status().IgnoreError();
    return ::testing::internal::GetCapturedStderr();
  }

  DataConfig config_;
  Plan plan_ = PlanOf({"current"});
  std::unique_ptr<StoreWriter> writer_;
};

TEST_F(StoredUnitsTest, RowsOfBeforeAUnitWasSaidWereInTheFirstThatWas) {
  plan_.input.units = {"A"};
  Record(RowsIn("", 100, 5));
  Record(RowsIn("mA", 200, 4));
  EXPECT_THAT(LoadSeries(config_, plan_).status(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("'current' in mA")));
  Record(RowsIn("A", 300, 3));
  EXPECT_THAT(Begins(), ElementsAre(300));
}

TEST_F(StoredUnitsTest, RowsThatSayThePlansUnitTrainWhateverWasSaidForAWhile) {
  plan_.input.units = {"A"};
  Record(RowsIn("A", 100, 5));
  Record(RowsIn("mA", 200, 4));
  Record(RowsIn("A", 300, 3));
  EXPECT_THAT(Begins(), ElementsAre(100, 300));
}

TEST_F(StoredUnitsTest, MachineWhoseNewestRowsTrainIsNotSaidNotTo) {
  plan_.input.units = {"A"};
  Record(RowsIn("mA", 100, 5));
  Record(RowsIn("A", 200, 4));
  EXPECT_THAT(LogOfLoading(), Not(HasSubstr(kNotTraining)));
  Record(RowsIn("mA", 300, 3));
  EXPECT_THAT(LogOfLoading(), AllOf(HasSubstr(kNotTraining), HasSubstr("pump-1")));
}

TEST_F(StoredUnitsTest, CapturesOfBeforeAUnitWasCorrectedDoNotTrain) {
  config_.kind = DataKind::kCaptures;
  config_.path = config_.captures_folder;
  Keep(1000, "");  // in mA, as it turned out
  Keep(2000, "mA");
  Keep(3000, "");  // nobody knows, and nothing has changed since
  Keep(4000, "A");
  EXPECT_THAT(Begins(), ElementsAre(2990, 3990));
  EXPECT_THAT(LogOfLoading(), AllOf(HasSubstr("'current' in mA, the newest have it in A"),
                                    HasSubstr("say no unit of the channel 'current'")));
}

TEST_F(StoredUnitsTest, CapturesAtAnotherRateThanTheNewestDoNotTrain) {
  config_.kind = DataKind::kCaptures;
  config_.path = config_.captures_folder;
  Keep(1000, "A", kSecond / 2);
  Keep(2000, "A");
  EXPECT_THAT(Begins(), ElementsAre(1990));
  plan_.input.rate_hz = 2;
  EXPECT_THAT(Begins(), ElementsAre(990)) << "where the plan says one, it is that one";
}

TEST_F(StoredUnitsTest, CapturesAreComparedWithTheRecordingsBesideThem) {
  config_.with_captures = true;
  Record(RowsIn("A", 5000, 5));
  Keep(1000, "mA");
  Keep(2000, "A", kSecond / 2);
  Keep(3000, "A");
  EXPECT_THAT(Begins(), ElementsAre(5000, 2990));
}

TEST_F(StoredUnitsTest, CapturesAreComparedWithWhatTheSiteSaysOfItsFiles) {
  config_.kind = DataKind::kDelimited;
  config_.path = Write("rows.csv", "current\n1\n2\n3\n");
  config_.rate_hz = 1;
  config_.units = {{.column = "current", .unit = "A"}};
  config_.with_captures = true;
  Keep(1000, "mA");
  Keep(2000, "A", kSecond / 2);
  Keep(3000, "A");
  EXPECT_THAT(Begins(), ElementsAre(1, 2990));
}

}  // namespace
}  // namespace millrace
