// SPDX-License-Identifier: Apache-2.0
#include "base/file_system.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOkAndHolds;
using testing::IsStatus;
using OpenMode = FileSystem::OpenMode;

class FileSystemTest : public ::testing::Test {
 protected:
  FileSystemTest() {
    std::string pattern = ::testing::TempDir() + "file_system_test.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~FileSystemTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  FileSystem* const files_ = PosixFileSystem();
  std::string folder_;
};

TEST_F(FileSystemTest, DurableWriteLeavesTheContentAndNoTemporaryFile) {
  MR_ASSERT_OK(WriteFileDurably(files_, Path("a"), "content"));
  EXPECT_THAT(ReadFile(files_, Path("a")), IsOkAndHolds("content"));
  EXPECT_THAT(files_->List(folder_), IsOkAndHolds(ElementsAre("a")));
}

TEST_F(FileSystemTest, DurableWriteReplacesALongerFileWhole) {
  MR_ASSERT_OK(WriteFileDurably(files_, Path("a"), std::string(10'000, 'x')));
  MR_ASSERT_OK(WriteFileDurably(files_, Path("a"), "short"));
  EXPECT_THAT(ReadFile(files_, Path("a")), IsOkAndHolds("short"));
}

TEST_F(FileSystemTest, DurableWriteIsNotSpoiltByALeftoverTemporaryFile) {
  MR_ASSERT_OK(WriteFileDurably(files_, Path("a.tmp"), std::string(100, 'x')));
  MR_ASSERT_OK(WriteFileDurably(files_, Path("a"), "new"));
  EXPECT_THAT(ReadFile(files_, Path("a")), IsOkAndHolds("new"));
}

TEST_F(FileSystemTest, DurableWriteIntoAMissingDirectoryNamesThePath) {
  EXPECT_THAT(WriteFileDurably(files_, Path("none/a"), "x"),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr(Path("none/a"))));
}

TEST_F(FileSystemTest, ReadFileRefusesWhatIsLargerThanItsLimit) {
  MR_ASSERT_OK(WriteFileDurably(files_, Path("a"), "12345"));
  MR_EXPECT_OK(ReadFile(files_, Path("a"), 5));
  EXPECT_THAT(ReadFile(files_, Path("a"), 4),
              IsStatus(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr(Path("a")), HasSubstr("5 bytes"), HasSubstr("at most 4"))));
}

TEST_F(FileSystemTest, ReadFileReadsAnEmptyFile) {
  MR_ASSERT_OK(WriteFileDurably(files_, Path("empty"), ""));
  EXPECT_THAT(ReadFile(files_, Path("empty")), IsOkAndHolds(""));
}

TEST_F(FileSystemTest, MissingFileIsNotFoundAndNamed) {
  EXPECT_THAT(ReadFile(files_, Path("none")),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr(Path("none"))));
}

TEST_F(FileSystemTest, WritingToAFullDiskIsResourceExhausted) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "needs /dev/full";
  MR_ASSERT_OK_AND_ASSIGN(const auto file, files_->Open("/dev/full", OpenMode::kReadWrite));
  EXPECT_THAT(file->WriteAt(0, {"x", 1}),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("/dev/full")));
}

TEST_F(FileSystemTest, ReadingPastTheEndIsOutOfRangeAndSaysWhereTheFileEnds) {
  MR_ASSERT_OK(WriteFileDurably(files_, Path("a"), "12345"));
  MR_ASSERT_OK_AND_ASSIGN(const auto file, files_->Open(Path("a"), OpenMode::kRead));
  std::string out(4, '\0');
  MR_EXPECT_OK(file->ReadAt(1, out));
  EXPECT_EQ(out, "2345");
  EXPECT_THAT(file->ReadAt(2, out), IsStatus(absl::StatusCode::kOutOfRange,
                                             AllOf(HasSubstr(Path("a")), HasSubstr("ends at 5"))));
}

TEST_F(FileSystemTest, WritesLandAtTheirOffset) {
  MR_ASSERT_OK_AND_ASSIGN(const auto file, files_->Open(Path("a"), OpenMode::kCreate));
  MR_ASSERT_OK(file->WriteAt(3, {"def", 3}));
  MR_ASSERT_OK(file->WriteAt(0, {"abc", 3}));
  MR_ASSERT_OK(file->Sync());
  EXPECT_THAT(file->Size(), IsOkAndHolds(6));
  MR_ASSERT_OK(file->Truncate(4));
  EXPECT_THAT(ReadFile(files_, Path("a")), IsOkAndHolds("abcd"));
}

TEST_F(FileSystemTest, AFileOpenedForReadingCannotBeWritten) {
  MR_ASSERT_OK(WriteFileDurably(files_, Path("a"), "x"));
  MR_ASSERT_OK_AND_ASSIGN(const auto file, files_->Open(Path("a"), OpenMode::kRead));
  EXPECT_THAT(file->WriteAt(0, {"y", 1}), ::testing::Not(testing::IsOk()));
}

TEST_F(FileSystemTest, OnlyCreateMakesAFile) {
  EXPECT_THAT(files_->Open(Path("a"), OpenMode::kReadWrite),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr(Path("a"))));
  MR_ASSERT_OK(files_->Open(Path("a"), OpenMode::kCreate));
  MR_EXPECT_OK(files_->Open(Path("a"), OpenMode::kReadWrite));
}

TEST_F(FileSystemTest, NewFilesAreForTheirOwnerOnly) {
  MR_ASSERT_OK(WriteFileDurably(files_, Path("key"), "secret"));
  struct stat info;
  ASSERT_EQ(::stat(Path("key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(FileSystemTest, RenameReplacesItsTarget) {
  MR_ASSERT_OK(WriteFileDurably(files_, Path("a"), "new"));
  MR_ASSERT_OK(WriteFileDurably(files_, Path("b"), "old"));
  MR_ASSERT_OK(files_->Rename(Path("a"), Path("b")));
  EXPECT_THAT(ReadFile(files_, Path("b")), IsOkAndHolds("new"));
  EXPECT_FALSE(files_->Exists(Path("a")));
}

TEST_F(FileSystemTest, FailedRenameNamesBothPaths) {
  EXPECT_THAT(
      files_->Rename(Path("a"), Path("b")),
      IsStatus(absl::StatusCode::kNotFound, AllOf(HasSubstr(Path("a")), HasSubstr(Path("b")))));
}

TEST_F(FileSystemTest, RemoveRemovesAndNamesWhatIsMissing) {
  MR_ASSERT_OK(WriteFileDurably(files_, Path("a"), "x"));
  MR_EXPECT_OK(files_->Remove(Path("a")));
  EXPECT_THAT(files_->Remove(Path("a")),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr(Path("a"))));
}

TEST_F(FileSystemTest, ListIsSortedAndLeavesOutTheDotEntries) {
  EXPECT_THAT(files_->List(folder_), IsOkAndHolds(IsEmpty()));
  for (const char* name : {"b", "c", "a"}) MR_ASSERT_OK(WriteFileDurably(files_, Path(name), ""));
  EXPECT_THAT(files_->List(folder_), IsOkAndHolds(ElementsAre("a", "b", "c")));
}

TEST_F(FileSystemTest, ListOfAMissingDirectoryNamesIt) {
  EXPECT_THAT(files_->List(Path("none")),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr(Path("none"))));
}

TEST_F(FileSystemTest, CreateDirectoriesMakesTheWholePathAndMayBeRepeated) {
  MR_ASSERT_OK(files_->CreateDirectories(Path("x/y/z")));
  MR_EXPECT_OK(files_->CreateDirectories(Path("x/y/z")));
  EXPECT_TRUE(std::filesystem::is_directory(Path("x/y/z")));
  MR_EXPECT_OK(files_->SyncDirectory(Path("x/y")));
}

TEST_F(FileSystemTest, CreateDirectoriesBelowAFileNamesThePath) {
  MR_ASSERT_OK(WriteFileDurably(files_, Path("a"), "x"));
  const absl::Status status = files_->CreateDirectories(Path("a/b"));
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(Path("a/b")));
}

TEST(DirectoryOfTest, IsThePathWithoutItsLastPart) {
  EXPECT_EQ(DirectoryOf("/var/lib/x"), "/var/lib");
  EXPECT_EQ(DirectoryOf("a/b"), "a");
  EXPECT_EQ(DirectoryOf("/x"), "/");
  EXPECT_EQ(DirectoryOf("x"), ".");
}

}  // namespace
}  // namespace millrace
