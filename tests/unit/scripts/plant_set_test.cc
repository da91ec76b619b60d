// SPDX-License-Identifier: Apache-2.0
// The files of the plant simulator: reproducible, readable by a site as they are, and worth
// learning from.
#include "scripts/plant_simulator/plant_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "models/metrics.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/scripts/site_files.h"

namespace millrace {
namespace {

std::map<std::string, std::string> FilesIn(const std::string& folder) {
  std::map<std::string, std::string> files;
  const auto names = PosixFileSystem()->List(folder);
  EXPECT_THAT(names, testing::IsOk());
  for (const std::string& name : *names) {
    files[name] = *ReadFile(PosixFileSystem(), folder + "/" + name);
  }
  return files;
}

Plan VibrationPlan() {
  Plan plan;
  plan.input.channels = {"acceleration"};
  plan.label.kind = LabelKind::kRecording;
  plan.label.column = "label";
  plan.label.classes = kVibrationLabels;
  return plan;
}

class LifeSetTest : public ::testing::Test {
 protected:
  PlantSetOptions Options() const {
    PlantSetOptions options;
    options.out = folder_.path();
    return options;
  }

  const testing::TemporaryFolder folder_;
};

TEST_F(LifeSetTest, TheSameSeedGivesTheSameBytes) {
  const testing::TemporaryFolder other;
  PlantSetOptions options = Options();
  options.machines = 3;
  MR_ASSERT_OK(WriteLifeSet(options, PosixFileSystem()));
  options.out = other.path();
  MR_ASSERT_OK(WriteLifeSet(options, PosixFileSystem()));
  EXPECT_EQ(FilesIn(folder_.path()), FilesIn(other.path()));
  options.seed = 2;
  MR_ASSERT_OK(WriteLifeSet(options, PosixFileSystem()));
  EXPECT_NE(FilesIn(folder_.path())["train_plant-1.csv"],
            FilesIn(other.path())["train_plant-1.csv"]);
}

TEST_F(LifeSetTest, MoreMachinesLeaveTheFirstOnesAsTheyWere) {
  PlantSetOptions options = Options();
  options.machines = 2;
  MR_ASSERT_OK(WriteLifeSet(options, PosixFileSystem()));
  const std::string few = FilesIn(folder_.path())["train_plant-2.csv"];
  options.machines = 4;
  MR_ASSERT_OK(WriteLifeSet(options, PosixFileSystem()));
  EXPECT_THAT(FilesIn(folder_.path())["train_plant-2.csv"], ::testing::StartsWith(few));
}

TEST_F(LifeSetTest, EachPlantHasTheUnitsAndLivesThatWereAskedFor) {
  MR_ASSERT_OK(WriteLifeSet(Options(), PosixFileSystem()));
  for (int plant = 1; plant <= 4; ++plant) {
    const std::vector<Series> train = LoadSite(folder_.path(), plant, "data", LifePlan());
    ASSERT_EQ(train.size(), 40u);
    int64_t rows = 0;
    for (const Series& life : train) {
      EXPECT_EQ(life.labels.back(), 0);
      rows += life.steps;
    }
    EXPECT_GT(rows, 40 * 150) << plant;
    EXPECT_LT(rows, 40 * 250) << plant;
    const std::vector<Series> test = LoadSite(folder_.path(), plant, "test", LifePlan());
    ASSERT_EQ(test.size(), 20u);
    for (const Series& life : test) EXPECT_GE(life.labels.back(), 1);
  }
}

TEST_F(LifeSetTest, PlantsRunInTheSameSixModesInDifferentShares) {
  MR_ASSERT_OK(WriteLifeSet(Options(), PosixFileSystem()));
  std::set<int32_t> usual;
  for (int plant = 1; plant <= 3; ++plant) {
    std::map<int32_t, int64_t> rows;
    for (const Series& life : LoadSite(folder_.path(), plant, "data", LifePlan())) {
      for (const int32_t cell : life.cells) ++rows[cell];
    }
    EXPECT_EQ(rows.size(), 6u);
    usual.insert(std::max_element(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
                   return a.second < b.second;
                 })->first);
  }
  EXPECT_EQ(usual.size(), 3u);
}

class VibrationSetTest : public LifeSetTest {};

TEST_F(VibrationSetTest, EachSiteTrainsAndTestsOnPartsOfItsTenRecordings) {
  PlantSetOptions options = Options();
  options.plants = 2;
  options.seconds = 0.5;
  MR_ASSERT_OK(WriteVibrationSet(options, PosixFileSystem()));
  const std::vector<Series> train = LoadSite(folder_.path(), 2, "data", VibrationPlan());
  const std::vector<Series> test = LoadSite(folder_.path(), 2, "test", VibrationPlan());
  ASSERT_EQ(train.size(), 10u);
  ASSERT_EQ(test.size(), 10u);
  for (size_t i = 0; i < train.size(); ++i) {
    EXPECT_THAT(train[i].unit, ::testing::StartsWith("plant-2_"));
    EXPECT_EQ(train[i].steps, 4200);
    EXPECT_EQ(test[i].steps, 1800);
    EXPECT_EQ(train[i].labels.front(), static_cast<float>(i));
  }
}

TEST_F(VibrationSetTest, TheSameSeedGivesTheSameBytes) {
  const testing::TemporaryFolder other;
  PlantSetOptions options = Options();
  options.plants = 1;
  options.seconds = 0.2;
  MR_ASSERT_OK(WriteVibrationSet(options, PosixFileSystem()));
  options.out = other.path();
  MR_ASSERT_OK(WriteVibrationSet(options, PosixFileSystem()));
  EXPECT_EQ(FilesIn(folder_.path()), FilesIn(other.path()));
}

TEST_F(VibrationSetTest, GreaterSeverityIsLouder) {
  PlantSetOptions options = Options();
  options.plants = 1;
  MR_ASSERT_OK(WriteVibrationSet(options, PosixFileSystem()));
  const std::vector<Series> series = LoadSite(folder_.path(), 1, "data", VibrationPlan());
  const auto rms = [&](size_t label) {
    return Rmse(series[label].values, std::vector<float>(series[label].values.size()));
  };
  for (const size_t first : {1, 4, 7}) {
    EXPECT_GT(rms(first + 1), rms(first));
    EXPECT_GT(rms(first + 2), 1.2 * rms(first + 1));
  }
}

}  // namespace
}  // namespace millrace
