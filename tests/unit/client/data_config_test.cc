// SPDX-License-Identifier: Apache-2.0
#include "client/data/data_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsStatus;

absl::StatusOr<DataConfig> Read(absl::string_view text) {
  absl::StatusOr<TomlTable> root = TomlTable::Parse(text);
  if (!root.ok()) return root.status();
  DataConfig config = ReadDataConfig(root->Table("data"), "/sites/press");
  if (absl::Status status = root->Finish(); !status.ok()) return status;
  return config;
}

TEST(DataConfigTest, DelimitedKeysAreRead) {
  MR_ASSERT_OK_AND_ASSIGN(const DataConfig config, Read(R"(
    [data]
    kind = "delimited"
    path = "valve/*.csv"
    separator = ";"
    unit = "machine"
    order = "datetime"
    missing = "drop"
    max_bytes = 1000
    from_share = 0.25
    to_share = 1
    rate_hz = 12000
    units = [{ column = "accel_1", unit = " g " }, { column = "flow", unit = "l/min" }]
    rename = [{ column = "Accelerometer1RMS", name = "accel_1" }]
  )"));
  EXPECT_EQ(config.kind, DataKind::kDelimited);
  EXPECT_EQ(config.path, "/sites/press/valve/*.csv");
  EXPECT_EQ(config.separator, ';');
  EXPECT_EQ(config.unit, "machine");
  EXPECT_EQ(config.order, "datetime");
  EXPECT_EQ(config.missing, MissingPolicy::kDrop);
  EXPECT_EQ(config.max_bytes, 1000);
  EXPECT_EQ(config.from_share, 0.25);
  EXPECT_EQ(config.rate_hz, 12'000);
  ASSERT_EQ(config.units.size(), 2u);
  EXPECT_EQ(config.units[0].column, "accel_1");
  EXPECT_EQ(config.units[0].unit, "g");
  ASSERT_EQ(config.renames.size(), 1u);
  EXPECT_EQ(config.renames[0].column, "Accelerometer1RMS");
  EXPECT_EQ(config.renames[0].name, "accel_1");
}

TEST(DataConfigTest, NpyKeysAreRead) {
  MR_ASSERT_OK_AND_ASSIGN(const DataConfig config, Read(R"(
    [data]
    kind = "npy"
    path = "../cwru"
    manifest = "list.csv"
    where = [{ column = "site", values = ["load0hp", "load1hp"] }]
  )"));
  EXPECT_EQ(config.kind, DataKind::kNpy);
  EXPECT_EQ(config.path, "/sites/cwru");
  EXPECT_EQ(config.manifest, "list.csv");
  ASSERT_EQ(config.where.size(), 1u);
  EXPECT_EQ(config.where[0].column, "site");
  EXPECT_THAT(config.where[0].values, ElementsAre("load0hp", "load1hp"));
}

TEST(DataConfigTest, TruthStartsAtTheConfigurationsFolder) {
  MR_ASSERT_OK_AND_ASSIGN(
      const DataConfig config,
      Read("[data]\nkind = \"delimited\"\npath = \"/far/t.txt\"\ntruth = \"RUL.txt\"\n"));
  EXPECT_EQ(config.path, "/far/t.txt");
  EXPECT_EQ(config.truth, "/sites/press/RUL.txt");
}

TEST(DataConfigTest, WhitespaceAndNamedColumnsDescribeCmapss) {
  MR_ASSERT_OK_AND_ASSIGN(const DataConfig config,
                          Read("[data]\nkind = \"delimited\"\npath = \"t.txt\"\n"
                               "separator = \"whitespace\"\ncolumns = [\"unit\", \"s1\"]\n"));
  EXPECT_EQ(config.separator, ' ');
  EXPECT_THAT(config.columns, ElementsAre("unit", "s1"));
}

TEST(DataConfigTest, AnySignThatStandsInNoNumberSeparates) {
  for (const auto& [text, separator] :
       {std::pair("|", '|'), {";", ';'}, {"tab", '\t'}, {"~", '~'}}) {
    MR_ASSERT_OK_AND_ASSIGN(
        const DataConfig config,
        Read(std::string("[data]\nkind = \"delimited\"\npath = \"t.txt\"\nseparator = \"") + text +
             "\"\n"));
    EXPECT_EQ(config.separator, separator);
  }
}

struct Refused {
  const char* rest;     // after kind and path
  const char* message;  // what the refusal names
};

class DataConfigRefusalTest : public ::testing::TestWithParam<Refused> {};

TEST_P(DataConfigRefusalTest, NamesTheKey) {
  EXPECT_THAT(Read(std::string("[data]\npath = \"d\"\n") + GetParam().rest),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    , DataConfigRefusalTest,
    ::testing::Values(
        Refused{"", "[data] kind: missing"}, Refused{"kind = \"parquet\"", "delimited, npy"},
        Refused{"kind = \"delimited\"\nseparator = \"||\"", "[data] separator = \"||\""},
        Refused{"kind = \"delimited\"\nseparator = \"1\"", "[data] separator = \"1\""},
        Refused{"kind = \"delimited\"\nseparator = \".\"", "[data] separator = \".\""},
        Refused{"kind = \"delimited\"\nseparator = \" \"", "\"whitespace\""},
        Refused{"kind = \"delimited\"\nheader = false", "[data] columns: missing"},
        Refused{"kind = \"delimited\"\nheader = true\ncolumns = [\"a\"]", "[data] columns"},
        Refused{"kind = \"delimited\"\ncolumns = []", "at least one column"},
        Refused{"kind = \"npy\"\nrate_hz = 0", "[data] rate_hz = 0: must be at least"},
        Refused{"kind = \"npy\"\nunits = [{ column = \"a\" }]", "unit: missing"},
        Refused{"kind = \"npy\"\nunits = [{ column = \"a\", unit = \"g\" }, "
                "{ column = \"a\", unit = \"V\" }]",
                "has a unit already"},
        Refused{"kind = \"store\"\nrate_hz = 10", "has those of its [[machine]]"},
        Refused{"kind = \"captures\"\nunits = [{ column = \"a\", unit = \"g\" }]",
                "has those of its [[machine]]"},
        Refused{"kind = \"delimited\"\nmissing = \"skip\"", "[data] missing = \"skip\""},
        Refused{"kind = \"delimited\"\nmanifest = \"m.csv\"", "belongs to kind = \"npy\""},
        Refused{"kind = \"npy\"\nunit = \"u\"", "belongs to kind = \"delimited\""},
        Refused{"kind = \"npy\"\nfrom_share = 0.7\nto_share = 0.5", "less than to_share"},
        Refused{"kind = \"npy\"\nmax_bytes = 0", "[data] max_bytes = 0"},
        Refused{"kind = \"npy\"\nwhere = [{ column = \"c\", values = [] }]", "at least one value"},
        Refused{"kind = \"delimited\"\nseperator = \",\"", "did you mean separator?"}));

TEST(DataConfigTest, RecordedDataNeedNoPath) {
  MR_ASSERT_OK_AND_ASSIGN(const DataConfig store, Read(R"(
    [data]
    kind = "store"
    machines = ["pump-1"]
    days = 30
    alarms = true
    captures = true
  )"));
  EXPECT_EQ(store.kind, DataKind::kStore);
  EXPECT_EQ(store.path, "");
  EXPECT_THAT(store.machines, ElementsAre("pump-1"));
  EXPECT_EQ(store.days, 30);
  EXPECT_TRUE(store.alarms);
  EXPECT_TRUE(store.with_captures);
  EXPECT_EQ(store.max_bytes, int64_t{1} << 30);
  EXPECT_THAT(Read("[data]\nkind = \"store\"\nunit = \"machine\"").status(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("delimited")));
  EXPECT_THAT(Read("[data]\nkind = \"captures\"\ncaptures = true").status(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("captures")));
  EXPECT_THAT(Read("[data]\nkind = \"delimited\"").status(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("path")));
}

}  // namespace
}  // namespace millrace
