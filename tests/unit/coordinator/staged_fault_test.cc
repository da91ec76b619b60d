// SPDX-License-Identifier: Apache-2.0
// Whatever call of the disk fails, wherever the process dies and with or without a power cut: an
// acknowledged update is there whole, and any other can be sent again to its end.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/memory_file_system.h"
#include "coordinator/blob/upload_area.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/staged_bytes.h"

namespace millrace {
namespace {

using testing::DiskCall;
using testing::DiskFault;
using testing::FaultyFileSystem;
using ::testing::HasSubstr;
using testing::IsStatus;

const UploadKey kFaultyKey = {.run = "bearings", .round = 41, .attempt = 1, .site = "press-7"};

// Floats of bytes below 0x4e are below kUpdateBound.
const std::string& Update() {
  static const std::string* const update = [] {
    auto* text = new std::string(400, '\0');
    for (size_t i = 0; i < text->size(); ++i) (*text)[i] = static_cast<char>(i % 0x4e);
    return text;
  }();
  return *update;
}

UploadDeclaration Declaration() {
  return {.size = static_cast<int64_t>(Update().size()), .digest = Sha256Of(Update())};
}

// Sends what is missing, in pieces, and finishes. OK means acknowledged.
absl::Status Send(StagedUpload* upload) {
  while (upload->size() < upload->declared_size()) {
    const int64_t at = upload->size();
    const int64_t size = std::min<int64_t>(150, upload->declared_size() - at);
    MR_RETURN_IF_ERROR(upload->Append(at, std::span(Update()).subspan(at, size)));
  }
  return upload->Finish();
}

absl::Status CreateAndSend(FileSystem* files) {
  MR_ASSIGN_OR_RETURN(const auto area, UploadArea::Create(files, "data/uploads"));
  MR_ASSIGN_OR_RETURN(const auto upload, area->Open(kFaultyKey, Declaration()));
  return Send(upload.get());
}

void ExpectWhole(StagedUpload* upload) {
  EXPECT_TRUE(upload->finished());
  std::string read(Update().size(), '\0');
  MR_ASSERT_OK(upload->ReadAt(0, read));
  EXPECT_EQ(read, Update());
}

// After the restart: acknowledged or sent to its end, perhaps from the start after DATA_LOSS.
void ExpectRecovers(FileSystem* files, bool acknowledged) {
  MR_ASSERT_OK_AND_ASSIGN(const auto area, UploadArea::Create(files, "data/uploads"));
  for (int sending = 0;; ++sending) {
    ASSERT_LT(sending, 2) << "sent again and still not whole";
    MR_ASSERT_OK_AND_ASSIGN(const auto upload, area->Open(kFaultyKey, Declaration()));
    ASSERT_TRUE(upload->finished() || !acknowledged);
    if (absl::Status sent = Send(upload.get()); absl::IsDataLoss(sent)) continue;
    ExpectWhole(upload.get());
    return;
  }
}

TEST(StagedFaultTest, DyingAtAnyCallLosesNoAcknowledgedUpdate) {
  for (const bool power_lost : {false, true}) {
    bool acknowledged = false;
    int64_t index = 0;
    for (; !acknowledged; ++index) {
      SCOPED_TRACE(::testing::Message() << "power lost " << power_lost << ", call " << index);
      MemoryFileSystem memory;
      FaultyFileSystem files(&memory);
      MR_ASSERT_OK(memory.CreateDirectories("data"));
      files.DieAt(index);
      acknowledged = CreateAndSend(&files).ok();
      files.Heal();
      if (power_lost) files.LosePower();
      ExpectRecovers(&files, acknowledged);
    }
    EXPECT_GT(index, 10) << "an upload makes more calls than that";
  }
}

TEST(StagedFaultTest, AnyFailingCallIsSurvivedByTryingAgain) {
  for (int kind = 0; kind < testing::kDiskCalls; ++kind) {
    const auto call = static_cast<DiskCall>(kind);
    for (const DiskFault fault :
         {DiskFault::kIoError, DiskFault::kDiskFull, DiskFault::kShortWrite}) {
      bool met = true;
      for (int64_t index = 0; met; ++index) {
        SCOPED_TRACE(::testing::Message() << "call " << kind << ", index " << index);
        MemoryFileSystem memory;
        FaultyFileSystem files(&memory);
        MR_ASSERT_OK(memory.CreateDirectories("data"));
        files.FailCall(call, index, fault);
        const bool acknowledged = CreateAndSend(&files).ok();
        met = files.Calls(call) > index;
        files.Heal();
        files.LosePower();
        ExpectRecovers(&files, acknowledged);
      }
    }
  }
}

TEST(StagedFaultTest, AfterAFullDiskTheSameUploadResumesAtItsLastGoodSize) {
  MemoryFileSystem memory;
  FaultyFileSystem files(&memory);
  MR_ASSERT_OK_AND_ASSIGN(const auto area, UploadArea::Create(&files, "uploads"));
  MR_ASSERT_OK_AND_ASSIGN(const auto upload, area->Open(kFaultyKey, Declaration()));
  files.FailCall(DiskCall::kWrite, 1, DiskFault::kShortWrite);
  EXPECT_THAT(Send(upload.get()),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("site press-7")));
  EXPECT_EQ(upload->size(), 150);
  EXPECT_EQ(testing::StagedBytes(files, "uploads"), 150)
      << "the half-written piece gave its space back";
  MR_ASSERT_OK(Send(upload.get()));
  ExpectWhole(upload.get());
}

TEST(StagedFaultTest, AfterAFailedSyncTheBytesAreSentAgain) {
  MemoryFileSystem memory;
  FaultyFileSystem files(&memory);
  MR_ASSERT_OK_AND_ASSIGN(const auto area, UploadArea::Create(&files, "uploads"));
  {
    MR_ASSERT_OK_AND_ASSIGN(const auto upload, area->Open(kFaultyKey, Declaration()));
    files.FailCall(DiskCall::kSync, 0);
    EXPECT_THAT(Send(upload.get()),
                IsStatus(absl::StatusCode::kUnavailable, HasSubstr("send it again")));
  }
  MR_ASSERT_OK_AND_ASSIGN(const auto upload, area->Open(kFaultyKey, Declaration()));
  EXPECT_EQ(upload->size(), 0);
  MR_ASSERT_OK(Send(upload.get()));
  ExpectWhole(upload.get());
}

TEST(StagedFaultTest, BytesOfAFailedSyncAreNotTakenUpThoughTheirFileStays) {
  MemoryFileSystem memory;
  FaultyFileSystem files(&memory);
  MR_ASSERT_OK_AND_ASSIGN(const auto area, UploadArea::Create(&files, "uploads"));
  files.FailCall(DiskCall::kSync, 0);
  files.FailCall(DiskCall::kRemove, 0);
  EXPECT_FALSE(Send(area->Open(kFaultyKey, Declaration()).value().get()).ok());
  MR_ASSERT_OK_AND_ASSIGN(const auto upload, area->Open(kFaultyKey, Declaration()));
  EXPECT_EQ(upload->size(), 0);
}

TEST(StagedFaultTest, AnUpdateRenamedBeforeADeathIsDurableOnceItIsTakenUp) {
  MemoryFileSystem memory;
  FaultyFileSystem files(&memory);
  {
    MR_ASSERT_OK_AND_ASSIGN(const auto area, UploadArea::Create(&files, "uploads"));
    MR_ASSERT_OK_AND_ASSIGN(const auto upload, area->Open(kFaultyKey, Declaration()));
    files.FailCall(DiskCall::kSyncDirectory, 0);
    EXPECT_FALSE(Send(upload.get()).ok());
  }
  MR_ASSERT_OK_AND_ASSIGN(const auto area, UploadArea::Create(&files, "uploads"));
  MR_ASSERT_OK_AND_ASSIGN(auto upload, area->Open(kFaultyKey, Declaration()));
  EXPECT_TRUE(upload->finished());
  upload.reset();
  files.LosePower();
  MR_ASSERT_OK_AND_ASSIGN(upload, area->Open(kFaultyKey, Declaration()));
  ExpectWhole(upload.get());
}

TEST(StagedFaultTest, AFailedRenameOrFolderSyncIsMadeGoodByFinishingAgain) {
  for (const DiskCall call : {DiskCall::kRename, DiskCall::kSyncDirectory}) {
    MemoryFileSystem memory;
    FaultyFileSystem files(&memory);
    MR_ASSERT_OK_AND_ASSIGN(const auto area, UploadArea::Create(&files, "uploads"));
    MR_ASSERT_OK_AND_ASSIGN(const auto upload, area->Open(kFaultyKey, Declaration()));
    files.FailCall(call, 0);
    EXPECT_THAT(Send(upload.get()),
                IsStatus(absl::StatusCode::kUnavailable, HasSubstr("site press-7")));
    EXPECT_FALSE(upload->finished());
    MR_ASSERT_OK(upload->Finish());
    ExpectWhole(upload.get());
  }
}

}  // namespace
}  // namespace millrace
