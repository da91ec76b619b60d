// SPDX-License-Identifier: Apache-2.0
#include "scripts/train/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "base/file_system.h"
#include "scripts/train/train_alone.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/scripts/toy_sites.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::TemporaryFolder;
using testing::TorchTrainers;
using testing::ToyPlan;
using testing::ToySeries;

/// Predicts what it was told, and keeps what it was asked.
class Oracle : public Trainer {
 public:
  Oracle(std::vector<float> outputs, Dataset* asked)
      : outputs_(std::move(outputs)), asked_(asked) {}

  absl::StatusOr<TrainingResult> Train(const TrainingRequest&) override {
    return absl::UnimplementedError("an oracle does not learn");
  }
  absl::StatusOr<std::vector<float>> Predict(std::span<const float>, const Dataset& data) override {
    *asked_ = data;
    return outputs_;
  }

 private:
  const std::vector<float> outputs_;
  Dataset* const asked_;
};

class EvaluateTest : public ::testing::Test {
 protected:
  DataConfig Write(const std::string& text) const {
    DataConfig config;
    config.path = folder_.path() + "/test.csv";
    config.unit = "unit";
    std::ofstream(config.path) << text;
    return config;
  }

  absl::StatusOr<TestMetrics> Judge(const std::string& plan_text, const DataConfig& test,
                                    std::vector<float> outputs) {
    ModelPackage model;
    MR_ASSIGN_OR_RETURN(model.plan, ParsePlan(plan_text));
    model.scaling = scaling_;
    return Evaluate(model, test, [&](const Plan&, const Architecture&) {
      return std::make_unique<Oracle>(outputs, &asked_);
    });
  }

  const TemporaryFolder folder_;
  std::optional<Scaling> scaling_;
  Dataset asked_;
};

constexpr char kLifePlan[] =
    "secure_aggregation = \"off\"\n[run]\nname = \"life\"\n[model]\nkind = \"mlp\"\nhidden = [1]\n"
    "[input]\nchannels = [\"x\"]\nwindow = 2\n"
    "[label]\nkind = \"run_to_failure\"\ncap = 125\n";

TEST_F(EvaluateTest, LivesAreJudgedAgainstCappedAndRawTruth) {
  DataConfig test = Write("unit,x\n1,5\n1,6\n2,7\n2,8\n2,9\n");
  test.truth = folder_.path() + "/truth.txt";
  std::ofstream(test.truth) << "200\n10\n";
  MR_ASSERT_OK_AND_ASSIGN(TestMetrics metrics, Judge(kLifePlan, test, {120, 15}));
  EXPECT_NEAR(metrics["rmse_capped"], 5, 1e-9);                // 120 - 125 and 15 - 10
  EXPECT_NEAR(metrics["rmse_raw"], 56.678920243773, 1e-9);     // 120 - 200: sqrt((6400 + 25) / 2)
  EXPECT_NEAR(metrics["nasa_score"], 470.172338526576, 1e-6);  // e^(80/13) - 1 + e^(5/10) - 1
}

TEST_F(EvaluateTest, TheLastWindowOfEachUnitIsAskedForScaledAsTheModelWasTrained) {
  scaling_ = Scaling{1, {}, {-1, {4}, {2}, 1}};
  const DataConfig test = Write("unit,x\n1,5\n1,6\n1,7\n2,8\n");
  MR_ASSERT_OK(Judge(kLifePlan, test, {0, 0}));
  ASSERT_EQ(asked_.size(), 2);
  std::vector<float> inputs(4), targets(2);
  asked_.Gather(std::vector<int64_t>{0, 1}, inputs, targets);
  EXPECT_THAT(inputs, ElementsAre(1, 1.5, 2, 2));  // the second unit is padded in front
  EXPECT_THAT(targets, ElementsAre(0, 0));
}

TEST_F(EvaluateTest, ClassesAreJudgedOverWindowsEndToEnd) {
  const std::string plan =
      "secure_aggregation = \"off\"\n[run]\nname = \"classes\"\n[model]\nkind = \"mlp\"\nhidden = "
      "[1]\n"
      "[input]\nchannels = [\"x\"]\nwindow = 2\n"
      "[label]\nkind = \"column\"\ncolumn = \"y\"\nclasses = 2\n";
  const DataConfig test = Write("unit,x,y\n1,5,0\n1,6,0\n1,7,1\n1,8,1\n1,9,0\n1,9,0\n");
  // Truth 0, 1, 0; predicted 0, 1, 1.
  MR_ASSERT_OK_AND_ASSIGN(TestMetrics metrics, Judge(plan, test, {1, 0, 0, 1, 0, 1}));
  EXPECT_EQ(asked_.size(), 3);
  EXPECT_NEAR(metrics["accuracy"], 2.0 / 3, 1e-12);
  EXPECT_NEAR(metrics["macro_f1"], 2.0 / 3,
              1e-12);  // both classes: precision 1, 1/2; recall 1/2, 1
}

TEST_F(EvaluateTest, ReconstructionsAreJudgedByTheirSquaredError) {
  const std::string plan =
      "secure_aggregation = \"off\"\n[run]\nname = \"mirror\"\n[model]\nkind = "
      "\"autoencoder\"\nhidden = [1]\n"
      "[input]\nchannels = [\"x\"]\nwindow = 2\n";
  const DataConfig test = Write("unit,x\n1,1\n1,2\n1,3\n1,4\n");
  MR_ASSERT_OK_AND_ASSIGN(TestMetrics metrics, Judge(plan, test, {1, 2, 3, 6}));
  EXPECT_NEAR(metrics["mse"], 1, 1e-12);  // one of four values is off by 2
}

TEST_F(EvaluateTest, DataWithoutAWindowAreRefusedByName) {
  const std::string plan =
      "secure_aggregation = \"off\"\n[run]\nname = \"mirror\"\n[model]\nkind = "
      "\"autoencoder\"\nhidden = [1]\n"
      "[input]\nchannels = [\"x\"]\nwindow = 5\n";
  EXPECT_THAT(Judge(plan, Write("unit,x\n1,1\n1,2\n"), {}),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       HasSubstr("test.csv: no labelled window of 5 steps")));
}

TEST_F(EvaluateTest, APackageThatWasWrittenIsJudgedAsTheModelInMemory) {
  const DataConfig test = Write("unit,a,b,y\n1,3,1,0.5\n1,2,0,1\n1,4,2,0\n1,3,3,-1.5\n");
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage model,
                          TrainAlone(ToyPlan().Text(), {"first", ToySeries(1), std::nullopt},
                                     TorchTrainers(), nullptr));
  const std::string path = folder_.path() + "/toy.millrace";
  MR_ASSERT_OK(WritePackage(PosixFileSystem(), path, model.manifest, model.parameters));
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage read, ReadPackage(PosixFileSystem(), path));
  MR_ASSERT_OK_AND_ASSIGN(const TestMetrics before, Evaluate(model, test, TorchTrainers()));
  MR_ASSERT_OK_AND_ASSIGN(const TestMetrics after, Evaluate(read, test, TorchTrainers()));
  EXPECT_EQ(before, after);
  EXPECT_GT(after.at("rmse"), 0);
  EXPECT_EQ(read.manifest.version(), 2);
}

}  // namespace
}  // namespace millrace
