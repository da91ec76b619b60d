// SPDX-License-Identifier: Apache-2.0
// Lines, fields, numbers, file patterns and mode cells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>

#include "client/data/fields.h"
#include "client/data/glob.h"
#include "client/data/line_reader.h"
#include "client/data/mode_cell.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/data_files.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsStatus;

std::vector<std::string> Split(char separator, absl::string_view line) {
  FieldSplitter splitter(separator);
  std::vector<absl::string_view> fields;
  if (!splitter.Split(line, &fields)) return {"refused"};
  return {fields.begin(), fields.end()};
}

TEST(FieldSplitterTest, EachSeparatorPartsTwoFields) {
  EXPECT_THAT(Split(',', "a,,b,"), ElementsAre("a", "", "b", ""));
}

TEST(FieldSplitterTest, BlanksAroundFieldsAreDropped) {
  EXPECT_THAT(Split(';', " a ; b c;"), ElementsAre("a", "b c", ""));
}

TEST(FieldSplitterTest, AnyRunOfBlanksSeparatesWhitespaceFields) {
  EXPECT_THAT(Split(' ', "  1 2\t 3  "), ElementsAre("1", "2", "3"));
}

TEST(FieldSplitterTest, TabsKeepEmptyFields) {
  EXPECT_THAT(Split('\t', "1\t\t3"), ElementsAre("1", "", "3"));
}

TEST(FieldSplitterTest, QuotedFieldsHoldSeparatorsAndQuotes) {
  EXPECT_THAT(Split(',', R"("a, ""b""",c,"d""",""")"), ElementsAre("refused"));
  EXPECT_THAT(Split(',', R"("a, ""b""",c,"d""","")"), ElementsAre("a, \"b\"", "c", "d\"", ""));
}

TEST(FieldSplitterTest, TextAfterAQuotedFieldIsRefused) {
  EXPECT_THAT(Split(',', R"("a"b,c)"), ElementsAre("refused"));
}

double NumberIn(absl::string_view field) {
  double value = -999;
  EXPECT_EQ(ReadNumber(field, &value), NumberKind::kNumber) << field;
  return value;
}

TEST(ReadNumberTest, DecimalNumbersAreRead) {
  EXPECT_EQ(NumberIn("518.67"), 518.67);
  EXPECT_EQ(NumberIn("-0.0007"), -0.0007);
  EXPECT_EQ(NumberIn("+1e3"), 1000);
}

TEST(ReadNumberTest, OtherFieldsAreToldApart) {
  double value = 0;
  for (const char* field : {"", "nan", "NaN", "NA", "n/a"}) {
    EXPECT_EQ(ReadNumber(field, &value), NumberKind::kMissing) << field;
  }
  for (const char* field : {"inf", "-Infinity", "1e400", "1e39"}) {
    EXPECT_EQ(ReadNumber(field, &value), NumberKind::kNotFinite) << field;
  }
  for (const char* field : {"12a", "-", "1,5", "+-1", "0x10", "1 2"}) {
    EXPECT_EQ(ReadNumber(field, &value), NumberKind::kText) << field;
  }
}

TEST(ReadNumberTest, TheLocaleDoesNotMatter) {
  const char* const german = std::setlocale(LC_NUMERIC, "de_DE.UTF-8");
  if (german == nullptr) GTEST_SKIP() << "no locale de_DE.UTF-8 on this machine";
  EXPECT_EQ(NumberIn("1.5"), 1.5);
  std::setlocale(LC_NUMERIC, "C");
}

TEST(ShownTest, UnprintableAndLongTextIsTamed) {
  EXPECT_EQ(Shown(absl::string_view("a\0\n", 3)), "\"a\\x00\\n\"");
  EXPECT_EQ(Shown(std::string(100, 'x')).size(), 40 + 5u);
}

TEST(WildcardTest, StarStandsForAnyText) {
  EXPECT_TRUE(MatchesWildcard("train_FD001.txt", "train_*.txt"));
  EXPECT_TRUE(MatchesWildcard("aXbXc", "a*b*c"));
  EXPECT_TRUE(MatchesWildcard("abcbc", "a*bc"));
  EXPECT_TRUE(MatchesWildcard("", "*"));
  EXPECT_FALSE(MatchesWildcard("train_FD001.txt.gz", "train_*.txt"));
  EXPECT_FALSE(MatchesWildcard("ab", "a*b*b"));
}

TEST(WildcardTest, ManyStarsTakePolynomialTime) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(MatchesWildcard(std::string(5000, 'a') + "b", pattern));
}

TEST(ModeCellTest, NearestCellOfARowMajorGrid) {
  // 4 speeds x 3 loads.
  const std::vector<ModeColumn> modes = {{.column = "speed", .step = 300, .min = 900, .max = 1800},
                                         {.column = "load", .step = 30, .min = 40, .max = 100}};
  EXPECT_EQ(ModeCell(modes, std::vector<double>{900, 40}), 0);
  EXPECT_EQ(ModeCell(modes, std::vector<double>{1196, 71.3}), 1 * 3 + 1);
  EXPECT_EQ(ModeCell(modes, std::vector<double>{1800, 100}), 11);
}

TEST(ModeCellTest, ValuesOffTheGridCountToItsEdge) {
  const std::vector<ModeColumn> modes = {{.column = "s", .step = 1, .min = 0, .max = 5}};
  EXPECT_EQ(ModeCell(modes, std::vector<double>{-1e300}), 0);
  EXPECT_EQ(ModeCell(modes, std::vector<double>{1e300}), 5);
}

class LineReaderTest : public testing::DataFiles {
 protected:
  absl::StatusOr<std::vector<std::string>> Lines(const std::string& path,
                                                 int64_t max_bytes = 1 << 30) {
    MR_ASSIGN_OR_RETURN(const auto reader, LineReader::Open(path, max_bytes));
    std::vector<std::string> lines;
    absl::string_view line;
    while (true) {
      MR_ASSIGN_OR_RETURN(const bool more, reader->Next(&line));
      if (!more) return lines;
      lines.emplace_back(line);
    }
  }
};

TEST_F(LineReaderTest, ByteOrderMarkAndCarriageReturnsAreNoText) {
  EXPECT_THAT(*Lines(Write("a.csv",
                           "\xef\xbb\xbf"
                           "a,b\r\n\r\n1,2")),
              ElementsAre("a,b", "", "1,2"));
}

TEST_F(LineReaderTest, LinesAcrossManyBuffersStayWhole) {
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 100000; ++i) {
    expected.push_back(std::string(static_cast<size_t>(i % 97), 'x') + std::to_string(i));
    text += expected.back() + "\n";
  }
  EXPECT_EQ(*Lines(Write("plain", text)), expected);
  EXPECT_EQ(*Lines(WriteGzip("packed", text)), expected);
}

TEST_F(LineReaderTest, ALineBeyondTheLimitIsRefused) {
  EXPECT_THAT(Lines(Write("a", "x\n" + std::string(LineReader::kMaxLineBytes + 1, 'y') + "\nz\n")),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("a:2: line of more than")));
}

TEST_F(LineReaderTest, ABombIsStoppedAtMaxBytes) {
  const std::string path = WriteGzip("bomb.gz", std::string(4 << 20, '\n'));
  EXPECT_LT(std::filesystem::file_size(path), 10000u);
  EXPECT_THAT(Lines(path, 1 << 20), IsStatus(absl::StatusCode::kResourceExhausted,
                                             AllOf(HasSubstr("bomb.gz"), HasSubstr("max_bytes"))));
}

TEST_F(LineReaderTest, ATruncatedArchiveIsRefused) {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919) + "\n";
  const std::string path = WriteGzip("cut.gz", text);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_THAT(Lines(path),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("gzip stream ends early")));
}

TEST_F(LineReaderTest, ADamagedArchiveIsRefused) {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919) + "\n";
  const std::string path = WriteGzip("damaged.gz", text);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(2000);
  file << "damage";
  file.close();
  EXPECT_THAT(Lines(path),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("damaged gzip stream")));
}

TEST_F(LineReaderTest, Utf16IsNamedAsSuch) {
  EXPECT_THAT(Lines(Write("a", absl::string_view("\xff\xfe\x61\0", 4))),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("UTF-16")));
}

TEST_F(LineReaderTest, AMissingFileIsNotFound) {
  EXPECT_THAT(Lines(Path("none")), IsStatus(absl::StatusCode::kNotFound, HasSubstr("none")));
}

}  // namespace
}  // namespace millrace
