// SPDX-License-Identifier: Apache-2.0
// Who belongs to the federation, on a disk that fails.
#include <gmock/gmock.h>

#include "base/memory_file_system.h"
#include "coordinator/enrollment/audit_log.h"
#include "coordinator/enrollment/enrollment_store.h"
#include "coordinator/storage/storage_health.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/simulated_clock.h"
#include "tests/testing/sqlite_file_system.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::DiskCall;
using testing::DiskFault;
using ::testing::HasSubstr;
using testing::IsStatus;

class EnrollmentFaultTest : public ::testing::Test {
 protected:
  testing::SimulatedClock clock_;
  MemoryFileSystem memory_;
  testing::FaultyFileSystem disk_{&memory_};
  const testing::SqliteOnFileSystem sqlite_{&disk_};
  StorageHealth storage_{&disk_, ".", 0};
  std::unique_ptr<EnrollmentStore> store_ =
      OpenSqliteEnrollmentStore("store.sqlite", [this](const absl::Status& fault) {
        storage_.Note(fault);
      }).value();
  const Invitation invitation_{"press-7", Sha256Of("token"), clock_.Now(),
                               clock_.Now() + absl::Hours(1), std::nullopt};
};

TEST_F(EnrollmentFaultTest, WriteOrSyncThatFailsClosesTheStorageUntilItCanBeWrittenAgain) {
  int faults = 0;
  for (const DiskCall call : {DiskCall::kWrite, DiskCall::kSync}) {
    for (const DiskFault fault : {DiskFault::kIoError, DiskFault::kDiskFull}) {
      disk_.FailCall(call, 0, fault);
      EXPECT_THAT(store_->PutInvitation(invitation_),
                  IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("store")));
      EXPECT_EQ(storage_.Check().code(), absl::StatusCode::kResourceExhausted);
      EXPECT_FALSE(storage_.Read().writable);
      EXPECT_EQ(storage_.Read().faults, ++faults);
      EXPECT_EQ(store_->FindInvitation(invitation_.token).value(), std::nullopt);
      clock_.Advance(StorageHealth::kRetryAfter);
      storage_.Probe(clock_.Now());
      MR_EXPECT_OK(storage_.Check());
    }
  }
  MR_EXPECT_OK(store_->PutInvitation(invitation_));
  EXPECT_TRUE(store_->FindInvitation(invitation_.token)->has_value());
}

TEST_F(EnrollmentFaultTest, ChangeThatCannotBeAuditedIsNotMade) {
  AuditLog audit(store_.get(), &clock_);
  disk_.FillUp();
  bool made = false;
  EXPECT_THAT(audit.Record({"operator ada", "run.start", ""},
                           [&](std::string*) {
                             made = true;
                             return absl::OkStatus();
                           }),
              IsStatus(absl::StatusCode::kResourceExhausted, ::testing::_));
  EXPECT_FALSE(made);
  EXPECT_EQ(storage_.Check().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(EnrollmentFaultTest, RefusalsThatAreNoFaultsOfTheDiskCloseNothing) {
  MR_ASSERT_OK(store_->PutInvitation(invitation_));
  CertificateCase opened;
  opened.key = Sha256Of("key");
  opened.site = "press-7";
  MR_ASSERT_OK(store_->Redeem(invitation_.token, opened));
  EXPECT_THAT(store_->Redeem(invitation_.token, opened),
              IsStatus(absl::StatusCode::kAborted, HasSubstr("used meanwhile")));
  EXPECT_FALSE(store_->PutInvitation(invitation_).ok()) << "there is one with this token";
  MR_EXPECT_OK(storage_.Check());
}

}  // namespace
}  // namespace millrace
