// SPDX-License-Identifier: Apache-2.0
#include "client/live/growing_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Start = GrowingFile::Start;

class GrowingFileTest : public ::testing::Test {
 protected:
  void Append(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }
  void Write(const std::string& text) { std::ofstream(path_) << text; }
  static std::string Bytes(GrowingFile& file) {
    const auto news = file.Next();
    MR_EXPECT_OK(news);
    return news.ok() ? news->bytes : "";
  }

  testing::TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/log.csv";
};

TEST_F(GrowingFileTest, GivesWhatIsAppended) {
  Write("a\n");
  GrowingFile file(path_, Start::kBeginning);
  EXPECT_EQ(Bytes(file), "a\n");
  EXPECT_EQ(Bytes(file), "");
  Append("b\nc");
  EXPECT_EQ(Bytes(file), "b\nc");
}

TEST_F(GrowingFileTest, LeavesOutWhatIsThereAlready) {
  Write("old\nhalf");
  GrowingFile file(path_, Start::kEnd);
  EXPECT_EQ(Bytes(file), "");
  Append("-new\n");
  EXPECT_EQ(Bytes(file), "half-new\n") << "a line that is not whole yet is to come";
}

TEST_F(GrowingFileTest, TheHeaderIsReadAlsoFromTheEnd) {
  Write("time,current\n1,2\n3,4\n");
  GrowingFile file(path_, Start::kHeaderAndEnd);
  EXPECT_EQ(Bytes(file), "time,current\n");
  EXPECT_EQ(Bytes(file), "");
  Append("5,6\n");
  EXPECT_EQ(Bytes(file), "5,6\n");
}

TEST_F(GrowingFileTest, AFileThatHasNothingButItsHeaderBeginsBehindIt) {
  Write("time,current\n");
  GrowingFile file(path_, Start::kHeaderAndEnd);
  EXPECT_EQ(Bytes(file), "time,current\n");
  Append("5,6\n");
  EXPECT_EQ(Bytes(file), "5,6\n");
}

TEST_F(GrowingFileTest, AHalfWrittenHeaderIsStillToCome) {
  Write("time,cur");
  GrowingFile file(path_, Start::kHeaderAndEnd);
  EXPECT_EQ(Bytes(file), "");
  Append("rent\n1,2\n");
  EXPECT_EQ(Bytes(file), "time,current\n1,2\n");
}

TEST_F(GrowingFileTest, ReadsARotatedFileToItsEndAndThenTheNewOneFromItsBeginning) {
  Write("a\n");
  GrowingFile file(path_, Start::kEnd);
  EXPECT_EQ(Bytes(file), "");
  Append("b\n");
  std::filesystem::rename(path_, path_ + ".1");
  Write("c\n");
  EXPECT_EQ(Bytes(file), "b\n");
  const auto news = file.Next();
  MR_ASSERT_OK(news);
  EXPECT_EQ(news->bytes, "c\n");
  EXPECT_TRUE(news->begins);
}

TEST_F(GrowingFileTest, AFileThatIsMovedAwayIsWaitedFor) {
  Write("a\n");
  GrowingFile file(path_, Start::kBeginning);
  EXPECT_EQ(Bytes(file), "a\n");
  std::filesystem::rename(path_, path_ + ".1");
  EXPECT_EQ(Bytes(file), "");
  Write("b\n");
  EXPECT_EQ(Bytes(file), "b\n");
}

TEST_F(GrowingFileTest, ATruncatedFileBeginsAnew) {
  Write("a\nb\n");
  GrowingFile file(path_, Start::kBeginning);
  EXPECT_EQ(Bytes(file), "a\nb\n");
  Write("c\n");
  const auto news = file.Next();
  MR_ASSERT_OK(news);
  EXPECT_EQ(news->bytes, "c\n");
  EXPECT_TRUE(news->begins);
}

TEST_F(GrowingFileTest, AFileThatIsNotThereYetIsReadFromItsBeginningOnceItIs) {
  GrowingFile file(path_, Start::kBeginning);
  EXPECT_THAT(file.Next(), IsStatus(absl::StatusCode::kNotFound, HasSubstr("log.csv")));
  Write("a\n");
  EXPECT_EQ(Bytes(file), "a\n");
}

TEST_F(GrowingFileTest, RefusesWhatIsNoFile) {
  GrowingFile file(folder_.path(), Start::kBeginning);
  EXPECT_THAT(file.Next(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("not a regular file")));
}

std::vector<std::string> Lines(LineAssembler& assembler, const std::string& bytes,
                               int* refused = nullptr) {
  std::vector<std::string> lines;
  assembler.Feed(
      bytes, [&](absl::string_view line) { lines.emplace_back(line); },
      [&](absl::string_view) {
        if (refused != nullptr) ++*refused;
      });
  return lines;
}

TEST(LineAssemblerTest, PutsLinesTogetherFromPieces) {
  LineAssembler assembler;
  EXPECT_THAT(Lines(assembler, "a,b\r\nc"), ElementsAre("a,b"));
  EXPECT_THAT(Lines(assembler, ",d"), IsEmpty());
  EXPECT_THAT(Lines(assembler, "\n\ne\n"), ElementsAre("c,d", "", "e"));
}

TEST(LineAssemblerTest, RefusesALineThatIsTooLongAndGoesOnBehindIt) {
  LineAssembler assembler;
  int refused = 0;
  EXPECT_THAT(Lines(assembler, std::string(900'000, 'x'), &refused), IsEmpty());
  EXPECT_THAT(Lines(assembler, std::string(900'000, 'x'), &refused), IsEmpty());
  EXPECT_THAT(Lines(assembler, "x\nnext\n", &refused), ElementsAre("next"));
  EXPECT_EQ(refused, 1);
}

}  // namespace
}  // namespace millrace
