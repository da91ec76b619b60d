// SPDX-License-Identifier: Apache-2.0
// The disk in memory does what the real one does, so both run the same tests.
#include "base/memory_file_system.h"

#include <gtest/gtest.h>

#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOkAndHolds;
using testing::IsStatus;

constexpr auto kRead = FileSystem::OpenMode::kRead;
constexpr auto kReadWrite = FileSystem::OpenMode::kReadWrite;
constexpr auto kCreate = FileSystem::OpenMode::kCreate;

class AnyFileSystemTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    files_ = GetParam() ? PosixFileSystem() : &memory_;
    MR_ASSERT_OK(files_->CreateDirectories(folder_));
  }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  void Write(const std::string& name, const std::string& data) {
    MR_ASSERT_OK_AND_ASSIGN(const auto file, files_->Open(Path(name), kCreate));
    MR_ASSERT_OK(file->WriteAt(0, data));
  }

  testing::TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path() + "/folder";
  MemoryFileSystem memory_;
  FileSystem* files_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(FileSystems, AnyFileSystemTest, ::testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "Disk" : "Memory");
});

TEST_P(AnyFileSystemTest, WhatIsWrittenIsRead) {
  Write("a", "content");
  EXPECT_THAT(ReadFile(files_, Path("a")), IsOkAndHolds("content"));
}

TEST_P(AnyFileSystemTest, WritesOverlapAndExtend) {
  MR_ASSERT_OK_AND_ASSIGN(const auto file, files_->Open(Path("a"), kCreate));
  MR_ASSERT_OK(file->WriteAt(0, std::string("abcdef")));
  MR_ASSERT_OK(file->WriteAt(4, std::string("XYZ")));
  MR_ASSERT_OK(file->WriteAt(1, std::string("_")));
  EXPECT_THAT(ReadFile(files_, Path("a")), IsOkAndHolds("a_cdXYZ"));
}

TEST_P(AnyFileSystemTest, AGapReadsAsZeros) {
  MR_ASSERT_OK_AND_ASSIGN(const auto file, files_->Open(Path("a"), kCreate));
  MR_ASSERT_OK(file->WriteAt(3, std::string("x")));
  EXPECT_THAT(ReadFile(files_, Path("a")), IsOkAndHolds(std::string("\0\0\0x", 4)));
}

TEST_P(AnyFileSystemTest, ReadingPastTheEndIsOutOfRange) {
  Write("a", "abc");
  MR_ASSERT_OK_AND_ASSIGN(const auto file, files_->Open(Path("a"), kRead));
  std::string out(2, '\0');
  EXPECT_THAT(file->ReadAt(2, out), IsStatus(absl::StatusCode::kOutOfRange, HasSubstr(Path("a"))));
  EXPECT_THAT(file->ReadAt(9, out), IsStatus(absl::StatusCode::kOutOfRange, _));
}

TEST_P(AnyFileSystemTest, TruncateShortensAndExtendsWithZeros) {
  Write("a", "abc");
  MR_ASSERT_OK_AND_ASSIGN(const auto file, files_->Open(Path("a"), kReadWrite));
  MR_ASSERT_OK(file->Truncate(1));
  MR_ASSERT_OK(file->Truncate(2));
  EXPECT_THAT(file->Size(), IsOkAndHolds(2));
  EXPECT_THAT(ReadFile(files_, Path("a")), IsOkAndHolds(std::string("a\0", 2)));
}

TEST_P(AnyFileSystemTest, AFileOpenForReadingIsNotWritten) {
  Write("a", "abc");
  MR_ASSERT_OK_AND_ASSIGN(const auto file, files_->Open(Path("a"), kRead));
  EXPECT_FALSE(file->WriteAt(0, std::string("x")).ok());
  EXPECT_FALSE(file->Truncate(0).ok());
  EXPECT_THAT(ReadFile(files_, Path("a")), IsOkAndHolds("abc"));
}

TEST_P(AnyFileSystemTest, OnlyCreateMakesAFile) {
  EXPECT_THAT(files_->Open(Path("a"), kRead), IsStatus(absl::StatusCode::kNotFound, _));
  EXPECT_THAT(files_->Open(Path("a"), kReadWrite), IsStatus(absl::StatusCode::kNotFound, _));
  MR_ASSERT_OK(files_->Open(Path("a"), kCreate));
  EXPECT_TRUE(files_->Exists(Path("a")));
}

TEST_P(AnyFileSystemTest, CreatingKeepsWhatIsThere) {
  Write("a", "abc");
  MR_ASSERT_OK(files_->Open(Path("a"), kCreate));
  EXPECT_THAT(ReadFile(files_, Path("a")), IsOkAndHolds("abc"));
}

TEST_P(AnyFileSystemTest, AFileNeedsItsFolder) {
  EXPECT_THAT(files_->Open(Path("none/a"), kCreate), IsStatus(absl::StatusCode::kNotFound, _));
  Write("a", "abc");
  EXPECT_THAT(files_->Rename(Path("a"), Path("none/a")), IsStatus(absl::StatusCode::kNotFound, _));
}

TEST_P(AnyFileSystemTest, RenamingReplaces) {
  Write("a", "new");
  Write("b", "old, and longer");
  MR_ASSERT_OK(files_->Rename(Path("a"), Path("b")));
  EXPECT_FALSE(files_->Exists(Path("a")));
  EXPECT_THAT(ReadFile(files_, Path("b")), IsOkAndHolds("new"));
}

TEST_P(AnyFileSystemTest, RenamingToItselfKeepsTheFile) {
  Write("a", "abc");
  MR_ASSERT_OK(files_->Rename(Path("a"), Path("a")));
  EXPECT_THAT(ReadFile(files_, Path("a")), IsOkAndHolds("abc"));
}

TEST_P(AnyFileSystemTest, AnOpenFileOutlivesRemovalAndReplacement) {
  Write("a", "abc");
  Write("b", "xyz");
  MR_ASSERT_OK_AND_ASSIGN(const auto removed, files_->Open(Path("a"), kRead));
  MR_ASSERT_OK_AND_ASSIGN(const auto replaced, files_->Open(Path("b"), kRead));
  MR_ASSERT_OK(files_->Rename(Path("a"), Path("b")));
  MR_ASSERT_OK(files_->Remove(Path("b")));
  std::string out(3, '\0');
  MR_ASSERT_OK(removed->ReadAt(0, out));
  EXPECT_EQ(out, "abc");
  MR_ASSERT_OK(replaced->ReadAt(0, out));
  EXPECT_EQ(out, "xyz");
}

TEST_P(AnyFileSystemTest, WhatIsNotThereIsNotFound) {
  EXPECT_THAT(files_->Remove(Path("a")), IsStatus(absl::StatusCode::kNotFound, HasSubstr("/a")));
  EXPECT_THAT(files_->Rename(Path("a"), Path("b")), IsStatus(absl::StatusCode::kNotFound, _));
  EXPECT_THAT(files_->List(Path("a")), IsStatus(absl::StatusCode::kNotFound, _));
  EXPECT_THAT(files_->SyncDirectory(Path("a")), IsStatus(absl::StatusCode::kNotFound, _));
}

TEST_P(AnyFileSystemTest, ListNamesTheEntriesOfOneFolderSorted) {
  EXPECT_THAT(files_->List(folder_), IsOkAndHolds(IsEmpty()));
  MR_ASSERT_OK(files_->CreateDirectories(Path("m/inner")));
  Write("z", "");
  Write("a", "");
  Write("m/deep", "");
  MR_ASSERT_OK(files_->CreateDirectories(folder_ + "-beside"));
  EXPECT_THAT(files_->List(folder_), IsOkAndHolds(ElementsAre("a", "m", "z")));
  EXPECT_THAT(files_->List(Path("m")), IsOkAndHolds(ElementsAre("deep", "inner")));
}

TEST_P(AnyFileSystemTest, AFileIsNoFolderAndAFolderNoFile) {
  Write("a", "abc");
  EXPECT_FALSE(files_->CreateDirectories(Path("a")).ok());
  EXPECT_FALSE(files_->CreateDirectories(Path("a/b")).ok());
  EXPECT_FALSE(files_->List(Path("a")).ok());
  EXPECT_FALSE(files_->Open(folder_, kReadWrite).ok());
  EXPECT_FALSE(files_->Rename(Path("a"), folder_).ok());
}

TEST_P(AnyFileSystemTest, MakingFoldersTwiceIsHarmless) {
  MR_ASSERT_OK(files_->CreateDirectories(Path("x/y")));
  MR_EXPECT_OK(files_->CreateDirectories(Path("x/y")));
  EXPECT_TRUE(files_->Exists(Path("x")));
}

TEST_P(AnyFileSystemTest, WriteFileDurablyLeavesOneFile) {
  MR_ASSERT_OK(WriteFileDurably(files_, Path("a"), "first"));
  MR_ASSERT_OK(WriteFileDurably(files_, Path("a"), "second"));
  EXPECT_THAT(ReadFile(files_, Path("a")), IsOkAndHolds("second"));
  EXPECT_THAT(files_->List(folder_), IsOkAndHolds(ElementsAre("a")));
}

TEST(MemoryFileSystemTest, RelativeAndRootPathsHaveFolders) {
  MemoryFileSystem files;
  MR_ASSERT_OK(WriteFileDurably(&files, "a", "1"));
  MR_ASSERT_OK(WriteFileDurably(&files, "/b", "2"));
  EXPECT_THAT(files.List("."), IsOkAndHolds(ElementsAre("a")));
  EXPECT_THAT(files.List("/"), IsOkAndHolds(ElementsAre("b")));
}

TEST(MemoryFileSystemTest, AnEmptyFolderIsRemovedAndAFullOneIsNot) {
  MemoryFileSystem files;
  MR_ASSERT_OK(files.CreateDirectories("x"));
  MR_ASSERT_OK(WriteFileDurably(&files, "x/a", "1"));
  EXPECT_FALSE(files.Remove("x").ok());
  MR_ASSERT_OK(files.Remove("x/a"));
  MR_ASSERT_OK(files.Remove("x"));
  EXPECT_FALSE(files.Exists("x"));
}

}  // namespace
}  // namespace millrace
