// SPDX-License-Identifier: Apache-2.0
#include "coordinator/blob/staged_upload.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "base/memory_file_system.h"
#include "base/random.h"
#include "coordinator/blob/upload_area.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/coordinator/staged_bytes.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::StagedBytes;

const UploadKey kKey = {.run = "bearings", .round = 41, .attempt = 1, .site = "press-7"};

std::string UpdateOf(size_t elements, uint64_t seed = 5) {
  Random random(seed);
  std::string bytes(elements * sizeof(float), '\0');
  for (size_t i = 0; i < elements; ++i) {
    const float value = static_cast<float>(random.Normal());
    std::memcpy(&bytes[i * sizeof(float)], &value, sizeof(value));
  }
  return bytes;
}

UploadDeclaration Declare(const std::string& update) {
  return {.size = static_cast<int64_t>(update.size()), .digest = Sha256Of(update)};
}

/// Over the real disk and over memory.
class StagedUploadTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override { Restart(); }

  void Restart() {
    area_.reset();
    FileSystem* const files = GetParam() ? PosixFileSystem() : &memory_;
    folder_ = GetParam() ? temporary_.path() + "/uploads" : "uploads";
    files_ = files;
    MR_ASSERT_OK_AND_ASSIGN(area_, UploadArea::Create(files, folder_));
  }

  std::unique_ptr<StagedUpload> Open(const UploadDeclaration& declaration,
                                     const UploadKey& key = kKey) {
    auto upload = area_->Open(key, declaration);
    EXPECT_THAT(upload, testing::IsOk());
    return upload.ok() ? *std::move(upload) : nullptr;
  }

  // Sends the whole update and finishes it.
  void Send(const std::string& update, const UploadKey& key = kKey) {
    const auto upload = Open(Declare(update), key);
    MR_ASSERT_OK(upload->Append(upload->size(), std::span(update).subspan(upload->size())));
    MR_ASSERT_OK(upload->Finish());
  }

  void Overwrite(const std::string& name, int64_t offset, const std::string& bytes) {
    MR_ASSERT_OK_AND_ASSIGN(const auto file, files_->Open(folder_ + "/bearings/41-1/" + name,
                                                          FileSystem::OpenMode::kReadWrite));
    MR_ASSERT_OK(file->WriteAt(offset, bytes));
  }

  testing::TemporaryFolder temporary_;
  MemoryFileSystem memory_;
  FileSystem* files_ = nullptr;
  std::string folder_;
  std::unique_ptr<UploadArea> area_;
};

INSTANTIATE_TEST_SUITE_P(FileSystems, StagedUploadTest, ::testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "Disk" : "Memory");
});

TEST_P(StagedUploadTest, AnUpdateInPiecesIsReadBackWhole) {
  const std::string update = UpdateOf(2'500'000);  // 10 MB: more than one step of write-back
  const auto upload = Open(Declare(update));
  for (size_t at = 0; at < update.size(); at += 999'999) {  // values straddle the pieces
    MR_ASSERT_OK(upload->Append(at, std::string(update.substr(at, 999'999))));
  }
  EXPECT_FALSE(upload->finished());
  MR_ASSERT_OK(upload->Finish());
  EXPECT_TRUE(upload->finished());
  std::string read(update.size(), '\0');
  MR_ASSERT_OK(upload->ReadAt(0, read));
  EXPECT_TRUE(read == update);
}

TEST_P(StagedUploadTest, AnotherOffsetIsRefusedNamingTheExpectedOne) {
  const std::string update = UpdateOf(10);
  const auto upload = Open(Declare(update));
  MR_ASSERT_OK(upload->Append(0, std::span(update).first(7)));
  for (const int64_t offset : {int64_t{-1}, int64_t{0}, int64_t{6}, int64_t{8}, INT64_MAX}) {
    EXPECT_THAT(upload->Append(offset, std::span(update).first(1)),
                IsStatus(absl::StatusCode::kAborted,
                         AllOf(HasSubstr("site press-7"), HasSubstr("expected offset 7"))));
  }
  EXPECT_EQ(upload->size(), 7);
}

TEST_P(StagedUploadTest, BytesBeyondTheDeclaredSizeAreRefused) {
  const std::string update = UpdateOf(10);
  const auto upload = Open(Declare(update));
  EXPECT_THAT(upload->Append(0, update + "x"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("beyond the 40 declared")));
  EXPECT_EQ(upload->size(), 0);
}

TEST_P(StagedUploadTest, AValueThatIsNotFiniteIsRefusedByItsIndex) {
  std::string update = UpdateOf(100);
  const float bad = std::nanf("");
  std::memcpy(&update[60 * sizeof(float)], &bad, sizeof(bad));
  const auto upload = Open(Declare(update));
  MR_ASSERT_OK(upload->Append(0, std::span(update).first(242)));  // cuts value 60 in two
  EXPECT_THAT(upload->Append(242, std::span(update).subspan(242)),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("element 60 ")));
  EXPECT_EQ(upload->size(), 242);
}

TEST_P(StagedUploadTest, AfterARefusedChunkTheRightOneIsTaken) {
  const std::string update = UpdateOf(100);
  std::string bad = update;
  const float nan = std::nanf("");
  std::memcpy(&bad[60 * sizeof(float)], &nan, sizeof(nan));
  const auto upload = Open(Declare(update));
  MR_ASSERT_OK(upload->Append(0, std::span(update).first(242)));
  EXPECT_FALSE(upload->Append(242, std::span(bad).subspan(242)).ok());
  MR_ASSERT_OK(upload->Append(242, std::span(update).subspan(242)));
  MR_EXPECT_OK(upload->Finish());
}

TEST_P(StagedUploadTest, AnIncompleteUpdateDoesNotFinish) {
  const std::string update = UpdateOf(10);
  const auto upload = Open(Declare(update));
  MR_ASSERT_OK(upload->Append(0, std::span(update).first(39)));
  EXPECT_THAT(upload->Finish(),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("39 of 40 bytes")));
  MR_ASSERT_OK(upload->Append(39, std::span(update).last(1)));
  MR_EXPECT_OK(upload->Finish());
}

TEST_P(StagedUploadTest, AnotherDigestIsDataLossNamingBothAndTheUploadStartsOver) {
  const std::string declared = UpdateOf(10, 1);
  const std::string sent = UpdateOf(10, 2);
  {
    const auto upload = Open(Declare(declared));
    MR_ASSERT_OK(upload->Append(0, sent));
    EXPECT_THAT(upload->Finish(),
                IsStatus(absl::StatusCode::kDataLoss, AllOf(HasSubstr(Sha256Of(sent).Hex()),
                                                            HasSubstr(Sha256Of(declared).Hex()))));
    EXPECT_THAT(upload->Append(0, declared),
                IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("open it again")));
    EXPECT_THAT(upload->Finish(),
                IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("open it again")));
  }
  EXPECT_EQ(Open(Declare(declared))->size(), 0);
  Send(declared);
}

TEST_P(StagedUploadTest, FinishingTwiceIsHarmless) {
  const std::string update = UpdateOf(10);
  const auto upload = Open(Declare(update));
  MR_ASSERT_OK(upload->Append(0, update));
  MR_ASSERT_OK(upload->Finish());
  MR_EXPECT_OK(upload->Finish());
}

TEST_P(StagedUploadTest, AFinishedUpdateTakesNoMoreBytes) {
  const std::string update = UpdateOf(10);
  const auto upload = Open(Declare(update));
  MR_ASSERT_OK(upload->Append(0, update));
  MR_ASSERT_OK(upload->Finish());
  EXPECT_THAT(upload->Append(40, {}),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("complete")));
}

TEST_P(StagedUploadTest, ARestartResumesAtTheBytesThatHadArrived) {
  const std::string update = UpdateOf(1'000'000);
  {
    const auto upload = Open(Declare(update));
    MR_ASSERT_OK(upload->Append(0, std::span(update).first(2'345'678)));
  }
  Restart();
  const auto upload = Open(Declare(update));
  ASSERT_EQ(upload->size(), 2'345'678);
  MR_ASSERT_OK(upload->Append(2'345'678, std::span(update).subspan(2'345'678)));
  MR_EXPECT_OK(upload->Finish());
}

TEST_P(StagedUploadTest, ARestartFindsAFinishedUpdateFinished) {
  const std::string update = UpdateOf(1'000'000);
  Send(update);
  Restart();
  const auto upload = Open(Declare(update));
  EXPECT_TRUE(upload->finished());
  EXPECT_EQ(upload->size(), 4'000'000);
  std::string read(100, '\0');
  MR_ASSERT_OK(upload->ReadAt(3'999'900, read));
  EXPECT_EQ(read, update.substr(3'999'900));
}

TEST_P(StagedUploadTest, AFinishedUpdateStandsAgainstAnother) {
  const std::string first = UpdateOf(10, 1);
  const std::string second = UpdateOf(10, 2);
  Send(first);
  EXPECT_THAT(area_->Open(kKey, Declare(second)),
              IsStatus(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr(Sha256Of(first).Hex()), HasSubstr("site press-7"))));
  EXPECT_TRUE(Open(Declare(first))->finished());
}

TEST_P(StagedUploadTest, AFinishedUpdateThatTheDiskSpoiltIsNotHandedOut) {
  const std::string update = UpdateOf(10);
  Send(update);
  Overwrite("press-7.update", 13, "?");
  Restart();
  EXPECT_THAT(area_->Open(kKey, Declare(update)),
              IsStatus(absl::StatusCode::kAlreadyExists, HasSubstr(Sha256Of(update).Hex())));
}

TEST_P(StagedUploadTest, BytesSpoiltBeforeARestartAreCaughtAtTheEnd) {
  const std::string update = UpdateOf(10);
  {
    const auto upload = Open(Declare(update));
    MR_ASSERT_OK(upload->Append(0, std::span(update).first(20)));
  }
  Overwrite("press-7.part", 4, std::string(4, '\0'));  // a finite value, but another
  Restart();
  {
    const auto upload = Open(Declare(update));
    MR_ASSERT_OK(upload->Append(20, std::span(update).subspan(20)));
    EXPECT_THAT(upload->Finish(),
                IsStatus(absl::StatusCode::kDataLoss, HasSubstr("send it again")));
  }
  Send(update);
}

TEST_P(StagedUploadTest, NonFiniteValuesSpoiltBeforeARestartAreSentAgain) {
  const std::string update = UpdateOf(600'000);  // three pieces of 1 MiB
  {
    const auto upload = Open(Declare(update));
    MR_ASSERT_OK(upload->Append(0, std::span(update).first(2'399'999)));
  }
  Overwrite("press-7.part", 1'200'000, std::string(4, '\xff'));
  Restart();
  EXPECT_EQ(Open(Declare(update))->size(), 1 << 20) << "up to the spoilt piece";
  EXPECT_EQ(StagedBytes(*files_, folder_), 1 << 20) << "nothing stale behind it";
  Send(update);
}

TEST_P(StagedUploadTest, APartLongerThanDeclaredStartsOver) {
  const std::string longer = UpdateOf(100, 1);
  const std::string update = UpdateOf(10, 2);
  MR_ASSERT_OK(Open(Declare(longer))->Append(0, std::span(longer).first(396)));
  EXPECT_EQ(Open(Declare(update))->size(), 0);
  Send(update);
}

TEST_P(StagedUploadTest, ReadingBeyondWhatArrivedIsRefused) {
  const std::string update = UpdateOf(10);
  const auto upload = Open(Declare(update));
  MR_ASSERT_OK(upload->Append(0, std::span(update).first(20)));
  std::string read(8, '\0');
  MR_EXPECT_OK(upload->ReadAt(12, read));
  for (const int64_t offset : {int64_t{-1}, int64_t{13}, int64_t{40}, INT64_MAX}) {
    EXPECT_THAT(upload->ReadAt(offset, read),
                IsStatus(absl::StatusCode::kOutOfRange, HasSubstr("it has 20")));
  }
}

TEST_P(StagedUploadTest, OneUploadIsNotOpenTwice) {
  const std::string update = UpdateOf(10);
  {
    const auto upload = Open(Declare(update));
    EXPECT_THAT(area_->Open(kKey, Declare(update)),
                IsStatus(absl::StatusCode::kUnavailable, HasSubstr("site press-7")));
  }
  MR_EXPECT_OK(area_->Open(kKey, Declare(update)));
}

TEST_P(StagedUploadTest, NamesThatWouldLeaveTheFolderAreRefused) {
  for (const std::string name : {"", ".", "..", "a/b", "../x", "a b", "n\n", "\xc3\xa9"}) {
    UploadKey site = kKey;
    site.site = name;
    EXPECT_THAT(area_->Open(site, Declare(UpdateOf(1))),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("site name")));
    UploadKey run = kKey;
    run.run = name;
    EXPECT_THAT(area_->Open(run, Declare(UpdateOf(1))),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("run name")));
    EXPECT_THAT(area_->DiscardRound(name, 1, 1),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("run name")));
  }
}

TEST_P(StagedUploadTest, ADeclarationThatIsNoVectorOfFloatsIsRefused) {
  for (const int64_t size : {int64_t{0}, int64_t{-4}, int64_t{41}, INT64_MIN}) {
    EXPECT_THAT(area_->Open(kKey, {.size = size, .digest = {}}),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("bytes declared")));
  }
}

TEST_P(StagedUploadTest, SitesRoundsAndAttemptsAreApart) {
  UploadKey site = kKey, round = kKey, attempt = kKey, run = kKey;
  site.site = "press-8";
  round.round = 42;
  attempt.attempt = 2;
  run.run = "gearboxes";
  uint64_t seed = 1;
  for (const UploadKey& key : {kKey, site, round, attempt, run}) Send(UpdateOf(10, seed++), key);
  seed = 1;
  for (const UploadKey& key : {kKey, site, round, attempt, run}) {
    EXPECT_TRUE(Open(Declare(UpdateOf(10, seed++)), key)->finished());
  }
}

TEST_P(StagedUploadTest, RemovingDropsWholeAndPartialUploads) {
  Send(UpdateOf(10));
  MR_ASSERT_OK(area_->Remove(kKey));
  EXPECT_EQ(Open(Declare(UpdateOf(10)))->size(), 0);
  MR_ASSERT_OK(area_->Remove(kKey));
  EXPECT_EQ(StagedBytes(*files_, folder_), 0);
  MR_EXPECT_OK(area_->Remove(kKey)) << "nothing is there any more";
}

TEST_P(StagedUploadTest, DiscardingARoundLeavesTheOthers) {
  UploadKey other_site = kKey, other_attempt = kKey;
  other_site.site = "press-8";
  other_attempt.attempt = 2;
  for (const UploadKey& key : {kKey, other_site, other_attempt}) Send(UpdateOf(10), key);
  MR_ASSERT_OK(area_->DiscardRound("bearings", 41, 1));
  EXPECT_EQ(StagedBytes(*files_, folder_), 40);
  EXPECT_TRUE(Open(Declare(UpdateOf(10)), other_attempt)->finished());
  MR_EXPECT_OK(area_->DiscardRound("bearings", 41, 1)) << "again";
  Send(UpdateOf(10));
}

TEST_P(StagedUploadTest, AnUploadWhoseRoundWasDiscardedDoesNotFinish) {
  const std::string update = UpdateOf(10);
  const auto upload = Open(Declare(update));
  MR_ASSERT_OK(upload->Append(0, update));
  MR_ASSERT_OK(area_->DiscardRound("bearings", 41, 1));
  EXPECT_THAT(upload->Finish(), IsStatus(absl::StatusCode::kNotFound, HasSubstr("press-7")));
  EXPECT_EQ(StagedBytes(*files_, folder_), 0);
}

}  // namespace
}  // namespace millrace
