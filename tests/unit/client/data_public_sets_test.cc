// SPDX-License-Identifier: Apache-2.0
// The public data sets, read with the configuration a site would write. Counts are those of the
// sets' own descriptions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "client/data/load.h"
#include "client/data/npy.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/data_files.h"

namespace millrace {
namespace {

using testing::PublicData;

struct CmapssSet {
  const char* name;
  int64_t train_rows, train_units, test_rows, test_units;
};

void PrintTo(const CmapssSet& set, std::ostream* out) { *out << set.name; }

DataConfig CmapssConfig(const std::string& file) {
  DataConfig config;
  config.path = PublicData() + "/cmapss/" + file;
  config.separator = ' ';
  config.unit = "unit";
  config.order = "cycle";
  config.columns = {"unit", "cycle", "setting_1", "setting_2", "setting_3"};
  for (int i = 1; i <= 21; ++i) config.columns.push_back(absl::StrCat("sensor_", i));
  return config;
}

Plan CmapssPlan() {
  std::vector<std::string> channels;
  for (int i = 1; i <= 21; ++i) channels.push_back(absl::StrCat("sensor_", i));
  return testing::RunToFailurePlan(channels, 125);
}

int64_t Rows(const std::vector<Series>& all) {
  int64_t rows = 0;
  for (const Series& series : all) rows += series.steps;
  return rows;
}

class CmapssTest : public ::testing::TestWithParam<CmapssSet> {
  void SetUp() override { MR_SKIP_WITHOUT(PublicData() + "/cmapss"); }
};

TEST_P(CmapssTest, RowsAndUnitsAreThoseOfTheDescription) {
  const CmapssSet& set = GetParam();
  MR_ASSERT_OK_AND_ASSIGN(
      const std::vector<Series> train,
      LoadSeries(CmapssConfig(absl::StrCat("train_", set.name, ".txt")), CmapssPlan()));
  EXPECT_EQ(static_cast<int64_t>(train.size()), set.train_units);
  EXPECT_EQ(Rows(train), set.train_rows);
  DataConfig config = CmapssConfig(absl::StrCat("test_", set.name, ".txt"));
  config.truth = absl::StrCat(PublicData(), "/cmapss/RUL_", set.name, ".txt");
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Series> test, LoadSeries(config, CmapssPlan()));
  EXPECT_EQ(static_cast<int64_t>(test.size()), set.test_units);
  EXPECT_EQ(Rows(test), set.test_rows);
}

INSTANTIATE_TEST_SUITE_P(, CmapssTest,
                         ::testing::Values(CmapssSet{"FD001", 20631, 100, 13096, 100},
                                           CmapssSet{"FD002", 53759, 260, 33991, 259},
                                           CmapssSet{"FD003", 24720, 100, 16596, 100},
                                           CmapssSet{"FD004", 61249, 249, 41214, 248}),
                         [](const auto& info) { return info.param.name; });

TEST(CmapssLabelTest, EngineOneOfFd001HasItsLifeAndReadings) {
  MR_SKIP_WITHOUT(PublicData() + "/cmapss");
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Series> train,
                          LoadSeries(CmapssConfig("train_FD001.txt"), CmapssPlan()));
  const Series& engine = train[0];  // fails after 192 cycles
  EXPECT_EQ(engine.unit, "1");
  ASSERT_EQ(engine.steps, 192);
  EXPECT_EQ(engine.labels[0], 125);   // 191, capped
  EXPECT_EQ(engine.labels[66], 125);  // cycle 67: 125 left
  EXPECT_EQ(engine.labels[67], 124);
  EXPECT_EQ(engine.labels[191], 0);
  EXPECT_FLOAT_EQ(engine.values[0], 518.67f);  // the file's first row: sensors 1, 2 and 21
  EXPECT_FLOAT_EQ(engine.values[1], 641.82f);
  EXPECT_FLOAT_EQ(engine.values[20], 23.4190f);
}

TEST(CmapssLabelTest, TestEngineOneOfFd001EndsWithItsTruth) {
  MR_SKIP_WITHOUT(PublicData() + "/cmapss");
  DataConfig config = CmapssConfig("test_FD001.txt");
  config.truth = PublicData() + "/cmapss/RUL_FD001.txt";
  Plan plan = CmapssPlan();
  plan.label.cap = 1000;
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Series> test, LoadSeries(config, plan));
  ASSERT_EQ(test[0].steps, 31);  // seen for 31 cycles, 112 left
  EXPECT_EQ(test[0].labels[30], 112);
  EXPECT_EQ(test[0].labels[0], 142);
}

TEST(CmapssModeTest, SixConditionsOfFd002FallIntoSixCells) {
  MR_SKIP_WITHOUT(PublicData() + "/cmapss");
  Plan plan = CmapssPlan();
  plan.input.modes = {{.column = "setting_1", .step = 1, .min = 0, .max = 42},
                      {.column = "setting_3", .step = 20, .min = 60, .max = 100}};
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Series> train,
                          LoadSeries(CmapssConfig("train_FD002.txt"), plan));
  std::map<int32_t, int64_t> rows;
  for (const Series& series : train) {
    for (const int32_t cell : series.cells) ++rows[cell];
  }
  EXPECT_EQ(rows.size(), 6u);
  for (const auto& [cell, count] : rows) EXPECT_GT(count, 5000) << cell;
}

TEST(CwruTest, ASitesTenRecordingsHaveTheManifestsLabelsAndLengths) {
  MR_SKIP_WITHOUT(PublicData() + "/cwru_de12k");
  DataConfig config;
  config.kind = DataKind::kNpy;
  config.path = PublicData() + "/cwru_de12k";
  config.where = {{.column = "site", .values = {"load0hp"}}};
  Plan plan = testing::PlanOf({"drive_end"});
  plan.label.kind = LabelKind::kRecording;
  plan.label.column = "label10";
  plan.label.classes = 10;
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<Series> series, LoadSeries(config, plan));
  ASSERT_EQ(series.size(), 10u);
  EXPECT_EQ(series[0].unit, "0hp_normal.npy");
  EXPECT_EQ(series[0].steps, 60985);
  EXPECT_EQ(series[1].steps, 121265);
  for (size_t i = 0; i < series.size(); ++i) EXPECT_EQ(series[i].labels.front(), i);
}

TEST(CwruTest, AFileThatNumPyWroteIsWrittenBackByteForByte) {
  const std::string path = PublicData() + "/cwru_de12k/0hp_normal.npy";
  MR_SKIP_WITHOUT(path);
  MR_ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(PosixFileSystem(), path));
  MR_ASSERT_OK_AND_ASSIGN(const NpyArray array, ParseNpy(bytes));
  EXPECT_TRUE(NpyBytes(array.shape, array.values) == bytes);
}

TEST(SkabTest, SemicolonFilesOfOneValveAreOneUnitEach) {
  MR_SKIP_WITHOUT(PublicData() + "/skab");
  DataConfig config;
  config.path = PublicData() + "/skab/valve1/*.csv";
  config.separator = ';';
  config.order = "datetime";
  config.renames = {{.column = "Volume Flow RateRMS", .name = "flow"}};
  MR_ASSERT_OK_AND_ASSIGN(
      const std::vector<Series> series,
      LoadSeries(config, testing::ColumnPlan({"Accelerometer1RMS", "flow"}, "anomaly", 2)));
  EXPECT_EQ(series.size(), 16u);
  EXPECT_EQ(series[0].unit, "0.csv");
  EXPECT_FLOAT_EQ(series[0].values[0], 0.0265878f);
  EXPECT_FLOAT_EQ(series[0].values[1], 32.0f);
}

TEST(Ai4iTest, AFileWithAByteOrderMarkIsReadByItsFirstColumn) {
  MR_SKIP_WITHOUT(PublicData() + "/ai4i2020");
  DataConfig config;
  config.path = PublicData() + "/ai4i2020/ai4i2020.csv";
  config.order = "UDI";
  MR_ASSERT_OK_AND_ASSIGN(
      const std::vector<Series> series,
      LoadSeries(config, testing::ColumnPlan({"Torque [Nm]"}, "Machine failure", 2)));
  ASSERT_EQ(series.size(), 1u);
  EXPECT_EQ(series[0].steps, 10000);
  double failures = 0;
  for (const float label : series[0].labels) failures += label;
  EXPECT_EQ(failures, 339);
}

}  // namespace
}  // namespace millrace
