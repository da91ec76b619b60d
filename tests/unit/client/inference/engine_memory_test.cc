// SPDX-License-Identifier: Apache-2.0
// Drift of a model's score, and what outlasts a restart of the engine.
#include <gmock/gmock.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "client/inference/engine.h"
#include "tests/testing/constant_predictor.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kStartOfRows = 1'700'000'000 * kNsPerS;

class StillClock : public LiveClock {
 public:
  int64_t UnixNs() override { return kStartOfRows; }
  int64_t MonotonicNs() override { return kNsPerS; }
};

class EngineMemoryTest : public ::testing::Test {
 protected:
  EngineMemoryTest() {
    config_.names = {"pump-1"};
    config_.model = "pumps";
    config_.rate_hz = 1;
    config_.hop = 1;
    config_.threshold = 1000;
    config_.channels.push_back({.name = "current", .unit = "", .rate_hz = 1, .rules = {}});
    config_.drift.emplace().learn_s = 60;
    Begin("a model");
  }

  void Begin(const std::string& sha256) {
    told_.clear();
    engine_ = std::make_unique<ScoringEngine>(
        std::vector{config_}, &clock_, [](const MachineVerdict&) {},
        [this](const ChannelDrift& drift) { told_.push_back(drift); });
    UseModel(sha256);
  }
  void UseModel(const std::string& sha256) {
    auto model = std::make_shared<InstalledModel>();
    model->package.plan.model.kind = ModelKind::kAutoencoder;
    model->package.plan.input.channels = {"current"};
    model->package.plan.input.window = 1;
    model->package.plan.input.normalization = Normalization::kNone;
    model->package.manifest.set_name("pumps");
    model->package.manifest.set_parameters_sha256(sha256);
    model->predictors.push_back(std::make_unique<testing::ConstantPredictor>(0, 1));
    MR_ASSERT_OK(engine_->Use(std::move(model)));
  }
  void Feed(int64_t seconds, double level) {
    for (int64_t i = 0; i < seconds; ++i, ++second_) {
      const auto value = static_cast<float>(level + 0.1 * random_.Normal());
      engine_->Process(SampleBatch{kNsPerS, {{kStartOfRows + second_ * kNsPerS, 0, value}}});
      engine_->ScoreDue();
    }
    engine_->Maintain();
  }
  std::vector<ChannelDrift> ToldOfScore() const {
    std::vector<ChannelDrift> of_score;
    for (const ChannelDrift& drift : told_) {
      if (drift.channel == kScoreChannel) of_score.push_back(drift);
    }
    return of_score;
  }

  MachineConfig config_;
  StillClock clock_;
  Random random_{1};
  int64_t second_ = 0;
  std::unique_ptr<ScoringEngine> engine_;
  std::vector<ChannelDrift> told_;
};

TEST_F(EngineMemoryTest, DriftOfTheScoreIsToldAsThatOfAChannel) {
  Feed(80, 10);
  ASSERT_THAT(ToldOfScore(), SizeIs(1));
  EXPECT_EQ(ToldOfScore()[0].report.state, DriftState::kStable) << "it is learnt";
  Feed(80, 11);
  ASSERT_THAT(ToldOfScore(), SizeIs(::testing::Ge(2)));
  EXPECT_EQ(ToldOfScore()[1].report.state, DriftState::kSuspected);
  EXPECT_EQ(ToldOfScore()[1].machine, "pump-1");
}

TEST_F(EngineMemoryTest, WhatIsLearntOfTheScoreOutlastsARestartAndNotAnotherModel) {
  Feed(80, 10);
  const ScoringEngine::LearntDrift noted = engine_->NotedDrift();
  ASSERT_THAT(noted, SizeIs(1));

  Begin("a model");
  engine_->RestoreDrift(noted);
  Feed(40, 11);
  ASSERT_THAT(ToldOfScore(), SizeIs(::testing::Ge(1)));
  EXPECT_EQ(ToldOfScore()[0].report.state, DriftState::kSuspected) << "without learning again";

  Begin("another");
  engine_->RestoreDrift(noted);
  Feed(40, 11);
  EXPECT_THAT(ToldOfScore(), IsEmpty());
  EXPECT_FALSE(told_.empty()) << "the channel is what it was";
}

TEST_F(EngineMemoryTest, DriftThatIsConfirmedIsToldAgainAfterARestart) {
  Feed(80, 10);
  Feed(400, 12);
  ASSERT_EQ(told_.back().report.state, DriftState::kConfirmed);
  EXPECT_FALSE(told_.back().recalled);
  const ScoringEngine::LearntDrift noted = engine_->NotedDrift();

  Begin("a model");
  engine_->RestoreDrift(noted);
  ASSERT_THAT(told_, SizeIs(2)) << "of the channel and of the score";
  for (const ChannelDrift& drift : told_) {
    EXPECT_EQ(drift.machine, "pump-1");
    EXPECT_EQ(drift.report.state, DriftState::kConfirmed);
    EXPECT_TRUE(drift.recalled);
  }
}

TEST_F(EngineMemoryTest, DriftOfAScoreIsOverWithItsModel) {
  Feed(80, 10);
  Feed(400, 12);
  ASSERT_EQ(ToldOfScore().back().report.state, DriftState::kConfirmed);
  const size_t before = told_.size();
  UseModel("another");
  Feed(1, 12);
  ASSERT_THAT(told_, SizeIs(before + 1)) << "the channel's goes on";
  EXPECT_EQ(told_.back().channel, kScoreChannel);
  EXPECT_EQ(told_.back().report.state, DriftState::kLearning);
}

TEST_F(EngineMemoryTest, DriftThatIsNoneOfTheseMachinesIsPassedOver) {
  ScoringEngine::LearntDrift other;
  other["pump-1"] = std::make_shared<const std::string>("damaged");
  other["pump-9"] = std::make_shared<const std::string>("");
  engine_->RestoreDrift(other);
  Feed(80, 10);
  EXPECT_THAT(ToldOfScore(), SizeIs(1)) << "it learns";
}

TEST_F(EngineMemoryTest, NewsOfAModelAreThereOnceEveryMachineIsNoted) {
  config_.names.clear();
  for (int i = 0; i < 20; ++i) config_.names.push_back(absl::StrCat("pump-", i));
  Begin("a model");
  Feed(1, 10);
  EXPECT_FALSE(engine_->HasNewsOfModels()) << "8 of 20 are";
  engine_->Maintain();
  engine_->Maintain();
  EXPECT_THAT(engine_->NotedDrift(), SizeIs(20));
  EXPECT_TRUE(engine_->HasNewsOfModels());
  for (int i = 0; i < 5; ++i) engine_->Maintain();
  EXPECT_FALSE(engine_->HasNewsOfModels()) << "there are no others";
  UseModel("another");
  for (int i = 0; i < 3; ++i) engine_->Maintain();
  EXPECT_TRUE(engine_->HasNewsOfModels());
}

}  // namespace
}  // namespace millrace
