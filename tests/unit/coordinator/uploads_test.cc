// SPDX-License-Identifier: Apache-2.0
#include "coordinator/engine/uploads.h"

#include <gmock/gmock.h>

#include "base/memory_file_system.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;

class UploadsTest : public ::testing::Test {
 protected:
  UploadsTest() : area_(UploadArea::Create(&files_, "uploads").value()), uploads_(area_.get()) {}

  static constexpr char kBytes[] = "12345678";  // two floats
  MemoryFileSystem files_;
  std::unique_ptr<UploadArea> area_;
  Uploads uploads_;
  const RoundId round_{"tiny-1", 3, 1};
  const UpdateClaim claim_{round_, "press-7", 8, {}, 5};
  const Digest digest_ = Sha256Of(kBytes);
};

TEST_F(UploadsTest, BeginningAgainGivesTheSameUpload) {
  MR_ASSERT_OK_AND_ASSIGN(const auto upload, uploads_.Begin(claim_, digest_));
  MR_ASSERT_OK(upload->Append(0, {kBytes, 5}));
  MR_ASSERT_OK_AND_ASSIGN(const auto again, uploads_.Begin(claim_, digest_));
  EXPECT_EQ(again, upload);
  EXPECT_EQ(again->received(), 5);
}

TEST_F(UploadsTest, AnotherDigestReplacesAnUnfinishedUpload) {
  MR_ASSERT_OK(uploads_.Begin(claim_, digest_).value()->Append(0, {kBytes, 5}));
  MR_ASSERT_OK_AND_ASSIGN(const auto other, uploads_.Begin(claim_, Sha256Of("abcdefgh")));
  EXPECT_EQ(other->digest(), Sha256Of("abcdefgh"));
}

TEST_F(UploadsTest, AnotherDigestDoesNotReplaceAFinishedUpload) {
  {
    MR_ASSERT_OK_AND_ASSIGN(const auto upload, uploads_.Begin(claim_, digest_));
    MR_ASSERT_OK(upload->Append(0, {kBytes, 8}));
    MR_ASSERT_OK(upload->Finish());
  }
  EXPECT_THAT(uploads_.Begin(claim_, Sha256Of("abcdefgh")),
              IsStatus(absl::StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("site press-7"), HasSubstr("tiny-1 round 3 attempt 1"),
                             HasSubstr(digest_.Hex()))));
}

TEST_F(UploadsTest, AcceptedUpdateIsFoundAgainByANewProcess) {
  {
    MR_ASSERT_OK_AND_ASSIGN(const auto upload, uploads_.Begin(claim_, digest_));
    MR_ASSERT_OK(upload->Append(0, {kBytes, 8}));
    MR_ASSERT_OK(upload->Finish());
  }
  MR_ASSERT_OK_AND_ASSIGN(const auto area, UploadArea::Create(&files_, "uploads"));
  Uploads later(area.get());
  MR_ASSERT_OK_AND_ASSIGN(const auto found,
                          later.FindAccepted(round_, {"press-7", digest_, 5, 8}, false));
  std::string read(8, 0);
  MR_ASSERT_OK(found->ReadAt(0, read));
  EXPECT_EQ(read, kBytes);
}

TEST_F(UploadsTest, AcceptedUpdateThatIsGoneIsAnError) {
  EXPECT_THAT(uploads_.FindAccepted(round_, {"press-7", digest_, 5, 8}, false),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("site press-7")));
}

TEST_F(UploadsTest, DiscardedRoundTakesItsUploadsAndNoOthers) {
  UpdateClaim other = claim_;
  other.round.attempt = 2;
  MR_ASSERT_OK(uploads_.Begin(claim_, digest_));
  MR_ASSERT_OK(uploads_.Begin(other, digest_));
  uploads_.DiscardRound(round_);
  EXPECT_FALSE(uploads_.Find(round_, "press-7").ok());
  EXPECT_FALSE(files_.Exists("uploads/tiny-1/3-1/press-7.part"));
  MR_EXPECT_OK(uploads_.Find(other.round, "press-7"));
}

TEST_F(UploadsTest, RemovedUploadBeginsAnew) {
  MR_ASSERT_OK(uploads_.Begin(claim_, digest_).value()->Append(0, {kBytes, 5}));
  uploads_.Remove(round_, "press-7");
  EXPECT_EQ(uploads_.Begin(claim_, digest_).value()->received(), 0);
}

}  // namespace
}  // namespace millrace
