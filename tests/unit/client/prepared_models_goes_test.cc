// SPDX-License-Identifier: Apache-2.0
// What a model that waits learns in several goes, and what happens in between.
#include <gmock/gmock.h>

#include "tests/unit/client/prepared_models_fixture.h"

namespace millrace {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using PreparedGoesTest = PreparedModelsTest;

TEST_F(PreparedGoesTest, SlowModelBringsAlongWhatOfAllMachinesIsRecorded) {
  config_.drift.emplace().learn_s = 60;
  Record("pump-1", 0, 600);
  Record("pump-2", 0, 600);
  Begin();
  models_->Begin();
  const auto model = ModelAt(0, "a model", [this] { clock_.now_ns += 8 * kNsPerS; });
  absl::Status ready = models_->MakeReady(*model, /*may_wait=*/true);
  EXPECT_THAT(ready.message(), HasSubstr("of 2 machines are being learnt, of pump-1: 128 of 200"));
  int goes = 1;
  for (; absl::IsAborted(ready) && goes < 30; ++goes) {
    ready = models_->MakeReady(*model, /*may_wait=*/true);
  }
  MR_EXPECT_OK(ready);
  EXPECT_GT(goes, 4) << "a go ends soon after its two seconds";
  EXPECT_THAT(model->drift, SizeIs(2));
  MR_ASSERT_OK(models_->Use(model));
  EXPECT_EQ(Judged(10.5F, 0).judgement, Judgement::kNormal);
  EXPECT_EQ(Judged(10.5F, 1).judgement, Judgement::kNormal);
}

TEST_F(PreparedGoesTest, WhatAnEndCutsShortIsNotKeptForAllThatThereIs) {
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  const auto model = ModelAt(0, "a model", [this] { models_->Halt(); });
  MR_ASSERT_OK(models_->Use(model));
  EXPECT_THAT(model->thresholds, IsEmpty());
  EXPECT_THAT(noted_, IsEmpty());
}

TEST_F(PreparedGoesTest, RowsOfBeforeAnOrderTeachNoThresholdNorAfterARestart) {
  Record("pump-1", 0, 600);
  Begin();
  models_->Begin();
  Install(0, "a model");
  ASSERT_EQ(Judged(10.5F).judgement, Judgement::kNormal);
  models_->NormalFromNow("pump-1");
  Record("pump-1", second_, second_ + 48, /*alarm=*/false, /*level=*/20);
  Install(0, "another");
  EXPECT_EQ(Judged(20.5F).reason, "threshold: 25 of 200 windows seen");

  Begin();
  models_->Remember({{}, {}, noted_since_});
  Install(0, "a third");
  models_->Begin();
  EXPECT_EQ(Judged(20.5F).reason, "threshold: 25 of 200 windows seen");
}

TEST_F(PreparedGoesTest, OrderForgetsWhatAModelThatWaitsHasLearnt) {
  RestartWithoutRows();
  const std::shared_ptr<InstalledModel> another = ModelAt(10, "another");
  Windows(100);
  EXPECT_THAT(std::string(models_->MakeReady(*another, /*may_wait=*/true).message()),
              ContainsRegex(": 9[0-9] of 200"));
  models_->NormalFromNow("pump-1");
  Windows(20);
  EXPECT_THAT(std::string(models_->MakeReady(*another, /*may_wait=*/true).message()),
              ContainsRegex(": (1[0-9]|20) of 200"));
}

TEST_F(PreparedGoesTest, OrderOfAMachineThatWasNeverJudgedGoesByTheClock) {
  Begin();
  models_->NormalFromNow("pump-2");
  EXPECT_EQ(noted_since_["pump-2"], clock_.UnixNs());
}

}  // namespace
}  // namespace millrace
