// SPDX-License-Identifier: Apache-2.0
// Whatever call of the disk fails, wherever the process dies and with or without a power cut: a
// blob is absent or whole, and a committed blob is there.
#include <gtest/gtest.h>

#include "base/memory_file_system.h"
#include "coordinator/blob/directory_blob_store.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::DiskCall;
using testing::DiskFault;
using testing::FaultyFileSystem;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::IsStatus;

const std::string& Content() {
  static const std::string* const content = new std::string(10'000, 'm');
  return *content;
}

// Creates the store and writes one blob in three pieces.
absl::StatusOr<Digest> CreateAndWrite(FileSystem* files) {
  MR_ASSIGN_OR_RETURN(const auto blobs, DirectoryBlobStore::Create(files, "data/blobs"));
  MR_ASSIGN_OR_RETURN(const auto writer, blobs->NewWriter());
  const std::span<const char> content(Content());
  MR_RETURN_IF_ERROR(writer->Append(content.first(4'000)));
  MR_RETURN_IF_ERROR(writer->Append(content.subspan(4'000, 4'000)));
  MR_RETURN_IF_ERROR(writer->Append(content.subspan(8'000)));
  return writer->Commit();
}

void ExpectAbsentOrWhole(FileSystem* files, bool committed) {
  MR_ASSERT_OK_AND_ASSIGN(const auto blobs, DirectoryBlobStore::Create(files, "data/blobs"));
  const Digest digest = Sha256Of(Content());
  EXPECT_TRUE(blobs->Has(digest) || !committed);
  if (blobs->Has(digest)) {
    EXPECT_THAT(ReadBlob(blobs.get(), digest), IsOkAndHolds(Content()));
  }
  MR_ASSERT_OK_AND_ASSIGN(const auto listed, blobs->List());
  EXPECT_EQ(listed.size(), blobs->Has(digest) ? 1u : 0u);
  EXPECT_THAT(files->List("data/blobs/incoming"), IsOkAndHolds(::testing::IsEmpty()));
}

TEST(BlobFaultTest, DyingAtAnyCallLeavesTheBlobAbsentOrWhole) {
  for (const bool power_lost : {false, true}) {
    bool committed = false;
    int64_t index = 0;
    // Up to the first index that lies behind the last call.
    for (; !committed; ++index) {
      SCOPED_TRACE(::testing::Message() << "power lost " << power_lost << ", call " << index);
      MemoryFileSystem memory;
      FaultyFileSystem files(&memory);
      MR_ASSERT_OK(files.CreateDirectories("data"));
      MR_ASSERT_OK(files.SyncDirectory("."));
      files.DieAt(index);
      committed = CreateAndWrite(&files).ok();
      files.Heal();
      if (power_lost) files.LosePower();
      ExpectAbsentOrWhole(&files, committed);
    }
    EXPECT_GT(index, 265) << "256 folders and the calls of a commit";
  }
}

TEST(BlobFaultTest, AnyFailingCallLeavesTheBlobAbsentOrWhole) {
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
        const bool committed = CreateAndWrite(&files).ok();
        met = files.Calls(call) > index;
        files.Heal();
        files.LosePower();
        ExpectAbsentOrWhole(&files, committed);
      }
    }
  }
}

TEST(BlobFaultTest, AFullDiskIsSaidAndTheSpaceIsGivenBack) {
  MemoryFileSystem memory;
  FaultyFileSystem files(&memory);
  MR_ASSERT_OK_AND_ASSIGN(const auto blobs, DirectoryBlobStore::Create(&files, "blobs"));
  files.FailCall(DiskCall::kWrite, 0, DiskFault::kShortWrite);
  EXPECT_THAT(WriteBlob(blobs.get(), Content()),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("blobs/incoming/0")));
  EXPECT_THAT(memory.List("blobs/incoming"), IsOkAndHolds(::testing::IsEmpty()));
  EXPECT_THAT(WriteBlob(blobs.get(), Content()), IsOkAndHolds(Sha256Of(Content())));
}

TEST(BlobFaultTest, AFailedSyncIsNotTriedAgain) {
  MemoryFileSystem memory;
  FaultyFileSystem files(&memory);
  MR_ASSERT_OK_AND_ASSIGN(const auto blobs, DirectoryBlobStore::Create(&files, "blobs"));
  MR_ASSERT_OK_AND_ASSIGN(const auto writer, blobs->NewWriter());
  MR_ASSERT_OK(writer->Append(Content()));
  files.FailCall(DiskCall::kSync, 0);
  EXPECT_THAT(writer->Commit(), IsStatus(absl::StatusCode::kUnavailable, HasSubstr("injected")));
  EXPECT_THAT(writer->Commit(), IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("anew")));
  EXPECT_FALSE(blobs->Has(Sha256Of(Content())));
}

TEST(BlobFaultTest, BytesThatChangedOnDiskAreNotHandedOut) {
  MemoryFileSystem files;
  MR_ASSERT_OK_AND_ASSIGN(const auto blobs, DirectoryBlobStore::Create(&files, "blobs"));
  MR_ASSERT_OK_AND_ASSIGN(const Digest digest, WriteBlob(blobs.get(), Content()));
  const std::string hex = digest.Hex();
  MR_ASSERT_OK_AND_ASSIGN(const auto file, files.Open("blobs/" + hex.substr(0, 2) + "/" + hex,
                                                      FileSystem::OpenMode::kReadWrite));
  MR_ASSERT_OK(file->WriteAt(5'000, std::string("x")));
  EXPECT_THAT(ReadBlob(blobs.get(), digest), IsStatus(absl::StatusCode::kDataLoss, HasSubstr(hex)));
  MR_ASSERT_OK(WriteBlob(blobs.get(), Content()));
  EXPECT_THAT(ReadBlob(blobs.get(), digest), IsOkAndHolds(Content())) << "writing again heals";
}

}  // namespace
}  // namespace millrace
