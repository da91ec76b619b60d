// SPDX-License-Identifier: Apache-2.0
#include "client/session/unmask_record.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "base/memory_file_system.h"
#include "client/data/site_message.h"
#include "client/session/unmask_file.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;
using ::testing::Not;

constexpr SecureMode kMalicious = SecureMode::kMalicious;
constexpr SecureMode kCurious = SecureMode::kHonestButCurious;

v1::RoundId Round(int64_t round, int32_t attempt, const std::string& run = "wear-1") {
  v1::RoundId id;
  id.set_run(run);
  id.set_round(round);
  id.set_attempt(attempt);
  return id;
}

const Digest kAll = Sha256Of("all");
const Digest kAllButOne = Sha256Of("all but one");

/// Has helped with attempt 2 of round 4, in which all survived.
UnmaskRecord Helped(SecureMode mode = kMalicious) {
  UnmaskRecord record;
  record.Add(Round(4, 2), mode, kAll);
  return record;
}

TEST(UnmaskRecord, EmptyOneBindsNobody) {
  MR_EXPECT_OK(UnmaskRecord().CheckRound(Round(0, 1), kMalicious));
  MR_EXPECT_OK(UnmaskRecord().CheckSurvivors(Round(0, 1), kMalicious, kAll));
}

TEST(UnmaskRecord, OlderRoundOfTheRunIsStale) {
  const auto refused =
      IsStatus(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("wear-1 round 3 attempt 1: "), HasSubstr("round 4 attempt 2"),
                     HasSubstr("start a new run")));
  EXPECT_THAT(Helped().CheckRound(Round(3, 1), kMalicious), refused);
  EXPECT_THAT(Helped().CheckSurvivors(Round(3, 1), kMalicious, kAll), refused);
}

TEST(UnmaskRecord, OtherSurvivorsInAnotherAttemptAreRefused) {
  MR_EXPECT_OK(Helped().CheckRound(Round(4, 3), kMalicious));
  EXPECT_THAT(Helped().CheckSurvivors(Round(4, 3), kMalicious, kAllButOne),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("wear-1 round 4 attempt 3: "), HasSubstr("attempt 2 "),
                             HasSubstr("start a new run"))));
}

TEST(UnmaskRecord, OtherSurvivorsUnderTheSameAttemptsNumberAreRefused) {
  EXPECT_TRUE(
      absl::IsFailedPrecondition(Helped().CheckSurvivors(Round(4, 2), kMalicious, kAllButOne)));
}

TEST(UnmaskRecord, SameSurvivorsInAnotherAttemptTellNothingNew) {
  MR_EXPECT_OK(Helped().CheckSurvivors(Round(4, 3), kMalicious, kAll));
}

TEST(UnmaskRecord, NewerRoundAndOtherRunsAreFree) {
  MR_EXPECT_OK(Helped().CheckSurvivors(Round(5, 1), kMalicious, kAllButOne));
  MR_EXPECT_OK(Helped().CheckSurvivors(Round(4, 1, "wear-2"), kMalicious, kAllButOne));
}

TEST(UnmaskRecord, WhereTheCoordinatorIsTrustedNothingIsRefused) {
  MR_EXPECT_OK(Helped(kCurious).CheckRound(Round(3, 1), kCurious));
  MR_EXPECT_OK(Helped(kCurious).CheckSurvivors(Round(4, 3), kCurious, kAllButOne));
}

TEST(UnmaskRecord, MaliciousRunStaysSoWhateverTheNextPlanSays) {
  EXPECT_TRUE(
      absl::IsFailedPrecondition(Helped().CheckSurvivors(Round(4, 3), kCurious, kAllButOne)));
  UnmaskRecord record = Helped();
  record.Add(Round(5, 1), kCurious, kAll);
  EXPECT_TRUE(absl::IsFailedPrecondition(record.CheckRound(Round(4, 1), kCurious)));
}

TEST(UnmaskRecord, WhatWasHelpedWithBeforeBindsUnderMalicious) {
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Helped(kCurious).CheckSurvivors(Round(4, 3), kMalicious, kAllButOne)));
}

TEST(UnmaskRecord, OlderRoundDoesNotReplaceANewerOne) {
  UnmaskRecord record = Helped(kCurious);
  record.Add(Round(3, 1), kCurious, kAllButOne);
  EXPECT_TRUE(absl::IsFailedPrecondition(record.CheckRound(Round(3, 1), kMalicious)));
  MR_EXPECT_OK(record.CheckSurvivors(Round(4, 3), kMalicious, kAll));
}

TEST(UnmaskRecord, IsReadAsItWasWritten) {
  UnmaskRecord record = Helped();
  record.Add(Round(0, 1, "tools-7"), kCurious, kAllButOne);
  MR_ASSERT_OK_AND_ASSIGN(const UnmaskRecord read, UnmaskRecord::Parse(record.ToBytes()));
  EXPECT_EQ(read.ToBytes(), record.ToBytes());
  EXPECT_TRUE(absl::IsFailedPrecondition(read.CheckRound(Round(3, 1), kMalicious)));
}

TEST(UnmaskRecord, NoDamageGoesUnseen) {
  const std::string bytes = Helped().ToBytes();
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_TRUE(absl::IsDataLoss(UnmaskRecord::Parse(bytes.substr(0, i)).status())) << i;
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    EXPECT_TRUE(absl::IsDataLoss(UnmaskRecord::Parse(flipped).status())) << i;
  }
}

TEST(UnmaskRecord, RunThatWasHelpedLongestAgoIsForgottenFirst) {
  UnmaskRecord record = Helped();
  for (size_t i = 0; i < UnmaskRecord::kMostRuns - 1; ++i) {
    record.Add(Round(4, 1, absl::StrCat("other-", i)), kMalicious, kAll);
  }
  record.Add(Round(5, 1), kMalicious, kAll);  // helped again
  record.Add(Round(4, 1, "one-more"), kMalicious, kAll);
  EXPECT_TRUE(absl::IsFailedPrecondition(record.CheckRound(Round(3, 1), kMalicious)));
  MR_EXPECT_OK(record.CheckRound(Round(3, 1, "other-0"), kMalicious));
  EXPECT_TRUE(absl::IsFailedPrecondition(record.CheckRound(Round(3, 1, "other-1"), kMalicious)));
}

TEST(UnmaskRecord, EndlessRunNameIsRefusedInAnyMode) {
  const v1::RoundId round = Round(1, 1, std::string(UnmaskRecord::kMostRunBytes + 1, 'x'));
  EXPECT_TRUE(absl::IsInvalidArgument(UnmaskRecord().CheckRound(round, kCurious)));
}

class UnmaskFileTest : public ::testing::Test {
 protected:
  MemoryFileSystem disk_;
  UnmaskFile file_{&disk_, "/spool"};
};

TEST_F(UnmaskFileTest, RemembersAfterARestart) {
  MR_ASSERT_OK(file_.Keep(Round(4, 2), kMalicious, kAll));
  const UnmaskFile again(&disk_, "/spool");
  EXPECT_TRUE(absl::IsFailedPrecondition(again.CheckRound(Round(3, 1), kMalicious)));
}

TEST_F(UnmaskFileTest, WhatIsKeptOutlivesAPowerCut) {
  testing::FaultyFileSystem faulty(&disk_);
  UnmaskFile file(&faulty, "/spool");
  MR_ASSERT_OK(disk_.CreateDirectories("/spool"));
  MR_ASSERT_OK(file.Keep(Round(4, 1), kMalicious, kAllButOne));
  MR_ASSERT_OK(file.Keep(Round(4, 2), kMalicious, kAll));
  faulty.LosePower();
  MR_EXPECT_OK(file.CheckSurvivors(Round(4, 3), kMalicious, kAll));
  EXPECT_TRUE(absl::IsFailedPrecondition(file.CheckSurvivors(Round(4, 3), kMalicious, kAllButOne)));
}

TEST_F(UnmaskFileTest, FullDiskKeepsASiteFromHelpingUnderMaliciousOnly) {
  testing::FaultyFileSystem faulty(&disk_);
  UnmaskFile file(&faulty, "/spool");
  faulty.FillUp();
  EXPECT_THAT(file.Keep(Round(4, 2), kMalicious, kAll),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("cannot be written")));
  MR_EXPECT_OK(file.Keep(Round(4, 2), kCurious, kAll));
}

TEST_F(UnmaskFileTest, DamagedOneIsRefusedUnderMaliciousWithTheWayOut) {
  MR_ASSERT_OK(file_.Keep(Round(4, 2), kMalicious, kAll));
  MR_ASSERT_OK(WriteFileDurably(&disk_, "/spool/unmasked", "x"));
  const auto refused =
      IsStatus(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr("/spool/unmasked"), HasSubstr("no record"), HasSubstr("remove")));
  EXPECT_THAT(file_.CheckRound(Round(4, 2), kMalicious), refused);
  EXPECT_THAT(file_.CheckSurvivors(Round(4, 2), kMalicious, kAll), refused);
  EXPECT_THAT(file_.Keep(Round(4, 2), kMalicious, kAll), refused);
  EXPECT_THAT(PublicText(file_.CheckRound(Round(4, 2), kMalicious)),
              AllOf(Not(HasSubstr("/spool")), HasSubstr("remove the file 'unmasked'")));
}

TEST_F(UnmaskFileTest, DamagedOneIsNotOverwrittenWhereTheCoordinatorIsTrusted) {
  MR_ASSERT_OK(disk_.CreateDirectories("/spool"));
  MR_ASSERT_OK(WriteFileDurably(&disk_, "/spool/unmasked", "x"));
  MR_EXPECT_OK(file_.CheckRound(Round(4, 2), kCurious));
  MR_EXPECT_OK(file_.Keep(Round(4, 2), kCurious, kAll));
  EXPECT_TRUE(absl::IsFailedPrecondition(file_.CheckRound(Round(5, 1), kMalicious)));
}

}  // namespace
}  // namespace millrace
