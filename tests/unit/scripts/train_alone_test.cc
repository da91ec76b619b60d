// SPDX-License-Identifier: Apache-2.0
#include "scripts/train/train_alone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "scripts/simulate/deal.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/scripts/toy_sites.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::TorchTrainers;
using testing::ToyPlan;
using testing::ToySeries;

/// Adds 1 to every parameter and keeps what it was asked.
class Clerk : public Trainer {
 public:
  struct Book {
    std::vector<double> learning_rates;
    std::vector<uint64_t> seeds;
    Plan plan;
    int64_t examples = 0;
  };
  Clerk(const Plan& plan, Book* book) : book_(book) { book_->plan = plan; }

  absl::StatusOr<TrainingResult> Train(const TrainingRequest& request) override {
    book_->learning_rates.push_back(request.learning_rate);
    book_->seeds.push_back(request.seed);
    book_->examples = request.training->size();
    TrainingResult result;
    for (const float x : request.parameters) result.parameters.push_back(x + 1);
    result.loss = 0.5;
    result.examples = request.training->size();
    return result;
  }
  absl::StatusOr<std::vector<float>> Predict(std::span<const float>, const Dataset& data) override {
    return std::vector<float>(data.size(), 0);
  }

 private:
  Book* const book_;
};

class TrainAloneTest : public ::testing::Test {
 protected:
  absl::StatusOr<ModelPackage> Train(const ToyPlan& plan, const Site& site) {
    return TrainAlone(
        plan.Text(), site,
        [&](const Plan& p, const Architecture&) { return std::make_unique<Clerk>(p, &book_); },
        [&](const RoundReport& report) { rounds_.push_back(report); });
  }

  const Site first_{"first", ToySeries(1), std::nullopt};
  const Site second_{"second", ToySeries(2, 7), std::nullopt};
  Clerk::Book book_;
  std::vector<RoundReport> rounds_;
};

TEST_F(TrainAloneTest, EachRoundHasTheLearningRateOfTheFederationsRound) {
  const ToyPlan plan{.rounds = 3, .training = "schedule = \"step\"\nstep_rounds = 1"};
  MR_ASSERT_OK(Train(plan, first_));
  EXPECT_THAT(book_.learning_rates, ElementsAre(0.02, 0.01, 0.005));
}

TEST_F(TrainAloneTest, RoundsDrawDifferentBatches) {
  MR_ASSERT_OK(Train({.rounds = 2}, first_));
  EXPECT_NE(book_.seeds[0], book_.seeds[1]);
}

TEST_F(TrainAloneTest, EveryRoundGoesOnFromTheLast) {
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage model, Train({.rounds = 3}, first_));
  const std::vector<float> start = InitialParameters(model.architecture, 7);
  for (size_t i = 0; i < start.size(); ++i) {
    EXPECT_NEAR(model.parameters[i], start[i] + 3, 1e-5);
  }
  ASSERT_EQ(rounds_.size(), 5u);
  EXPECT_EQ(rounds_[2].metrics.at("train_loss"), 0.5);
}

TEST_F(TrainAloneTest, APoolHasTheSitesUnitsAndTheirStepsTogether) {
  const std::vector<Site> sites = {first_, second_};
  const Site pool = Pool(sites);
  EXPECT_EQ(pool.series.size(), 11u);
  EXPECT_EQ(pool.series[0].unit, "first:0");
  EXPECT_EQ(pool.series[4].unit, "second:0");
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage model, Train({.training = "max_steps = 5"}, pool));
  EXPECT_EQ(book_.plan.training.max_steps, 10);
  EXPECT_EQ(book_.examples, 50);  // one of 11 units is held back; 5 windows a unit
  EXPECT_EQ(model.plan.training.max_steps, 5) << "the package keeps the plan as it was given";
  EXPECT_EQ(model.manifest.lineage().sites(), 2);
}

TEST_F(TrainAloneTest, WhatOnlyAFederationNeedsIsLeftOut) {
  MR_ASSERT_OK(
      Train({.training = "proximal_mu = 0.1\n[update]\nclip_norm = 1e-6"}, first_).status());
  EXPECT_EQ(book_.plan.training.proximal_mu, 0);
  EXPECT_EQ(book_.plan.update.clip_norm, 0);
}

TEST_F(TrainAloneTest, ASiteWithoutAWindowIsNamedWithItsRound) {
  EXPECT_THAT(Train({.normalization = "none"}, {"empty", {}, std::nullopt}),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("site empty, round 1")));
}

TEST_F(TrainAloneTest, TrainingLowersTheLoss) {
  MR_ASSERT_OK(TrainAlone(ToyPlan{.rounds = 30, .training = "epochs = 10"}.Text(), second_,
                          TorchTrainers(),
                          [&](const RoundReport& report) { rounds_.push_back(report); }));
  EXPECT_LT(rounds_[30].metrics.at("train_loss"), 0.1 * rounds_[1].metrics.at("train_loss"));
}

TEST(DealTest, UnitsGoRoundWithAllTheirSeries) {
  Site site{"plant", ToySeries(1, 5), std::nullopt};
  site.series.push_back(site.series[1]);  // a second segment of unit 1
  const std::vector<Site> sites = {site};
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Site> dealt, DealByUnit(sites, 2));
  const auto units = [&](size_t i) {
    std::vector<std::string> names;
    for (const Series& series : dealt[i].series) names.push_back(series.unit);
    return names;
  };
  EXPECT_THAT(units(0), ElementsAre("plant:0", "plant:2", "plant:4"));
  EXPECT_THAT(units(1), ElementsAre("plant:1", "plant:3", "plant:1"));
  EXPECT_EQ(dealt[1].name, "site-2");
}

TEST(DealTest, MoreSitesThanUnitsAreRefused) {
  const std::vector<Site> sites = {{"plant", ToySeries(1, 5), std::nullopt}};
  EXPECT_THAT(DealByUnit(sites, 6), IsStatus(absl::StatusCode::kInvalidArgument,
                                             AllOf(HasSubstr("5 units"), HasSubstr("6 sites"))));
}

}  // namespace
}  // namespace millrace
