// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <memory>

#include "base/status.h"
#include "scripts/anomaly_benchmark/protocol.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::IsStatus;
using testing::TemporaryFolder;

constexpr char kMirrorPlan[] =
    "secure_aggregation = \"off\"\n[run]\nname = \"mirror\"\n[model]\nkind = \"autoencoder\"\n"
    "hidden = [1]\n[input]\nchannels = [\"x\"]\nwindow = 2\nnormalization = \"none\"\n";

/// Reconstructs nothing but zeros: a window's error is the mean of its absolute values.
class Blank : public Trainer {
 public:
  absl::StatusOr<TrainingResult> Train(const TrainingRequest&) override {
    return absl::UnimplementedError("nothing to learn");
  }
  absl::StatusOr<std::vector<float>> Predict(std::span<const float>, const Dataset& data) override {
    return std::vector<float>(data.size() * data.window * data.channels, 0);
  }
};

class AnomalyProtocolTest : public ::testing::Test {
 protected:
  AnomalyProtocolTest() {
    model_.plan = ParsePlan(kMirrorPlan).value();
    protocol_.training_rows = 4;
  }
  absl::StatusOr<std::vector<Recording>> Load(const std::string& text) const {
    DataConfig data;
    data.path = folder_.path() + "/water.csv";
    std::ofstream(data.path) << text;
    return LoadRecordingsToJudge("loop", data, model_.plan, protocol_);
  }
  absl::StatusOr<RowCounts> Judge(const Recording& recording) const {
    MR_ASSIGN_OR_RETURN(
        const std::vector<double> errors,
        WindowErrors(
            model_, [](const Plan&, const Architecture&) { return std::make_unique<Blank>(); },
            recording));
    return JudgeRows(protocol_, limit_, recording, errors);
  }

  const TemporaryFolder folder_;
  ModelPackage model_;
  AnomalyProtocol protocol_;
  AlarmLimit limit_ = {.quantile = 1, .factor = 2};
};

// Errors of the training windows are 1; the limit is twice that.
constexpr char kWater[] =
    "x,anomaly\n1,0\n1,0\n1,0\n1,0\n"
    "1,0\n9,1\n9,1\n9,1\n1,1\n1,0\n";

TEST_F(AnomalyProtocolTest, RowsAfterTheTrainingRowsAreJudgedByAllWindowsAroundThem) {
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Recording> recordings, Load(kWater));
  ASSERT_EQ(recordings.size(), 1u);
  EXPECT_EQ(recordings[0].site, "loop");
  EXPECT_EQ(TrainingRows(protocol_, recordings[0]).steps, 4);
  EXPECT_THAT(TrainingRows(protocol_, recordings[0]).values, ElementsAre(1, 1, 1, 1));
  // Windows with a 9 are beyond the limit; the last row that is wrong shares one with the row
  // after.
  EXPECT_THAT(Judge(recordings[0]),
              IsOkAndHolds(RowCounts{.found = 3, .missed = 1, .false_alarms = 0, .quiet = 2}));
}

TEST_F(AnomalyProtocolTest, ByTheWindowThatEndsWithItARowIsJudgedAtOnce) {
  limit_.rule = AlarmRule::kLast;
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Recording> recordings, Load(kWater));
  EXPECT_THAT(Judge(recordings[0]),
              IsOkAndHolds(RowCounts{.found = 4, .missed = 0, .false_alarms = 0, .quiet = 2}));
}

TEST_F(AnomalyProtocolTest, ARecordingCanBeScaledByItsOwnTrainingRows) {
  protocol_.scale_each = true;
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Recording> recordings,
                          Load("x,anomaly\n1,0\n3,0\n1,0\n3,0\n8,1\n2,0\n"));
  EXPECT_THAT(recordings[0].rows.values, ElementsAre(-1, 1, -1, 1, 6, 0));
}

TEST_F(AnomalyProtocolTest, RecordingsWithoutRowsToJudgeAreRefusedByName) {
  EXPECT_THAT(Load("x,anomaly\n1,0\n1,0\n1,0\n1,0\n"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("has 4 rows; 4 train")));
}

}  // namespace
}  // namespace millrace
