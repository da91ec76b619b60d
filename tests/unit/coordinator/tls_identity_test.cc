// SPDX-License-Identifier: Apache-2.0
#include "coordinator/tls_identity.h"

#include <gmock/gmock.h>

#include "base/memory_file_system.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/test_federation.h"

namespace millrace {
namespace {

using testing::DiskCall;
using ::testing::HasSubstr;
using testing::IsStatus;

class TlsIdentityTest : public ::testing::Test {
 protected:
  TlsIdentityTest() {
    config_.certificate = "hub.crt";
    config_.key = "hub.key";
    config_.folder = "state";
    Configure(federation_.Issue(Role::kCoordinator, "hub"));
  }

  void Configure(const KeyAndCertificate& hub) {
    MR_ASSERT_OK(WriteFileDurably(&memory_, "hub.crt", hub.certificate_pem));
    MR_ASSERT_OK(WriteFileDurably(&memory_, "hub.key", hub.key_pem));
  }
  absl::StatusOr<TlsIdentity> Create() {
    return TlsIdentity::Create(&disk_, config_, federation_.authority_pem(), now_);
  }

  const testing::TestFederation federation_;
  const absl::Time now_ = absl::Now();
  MemoryFileSystem memory_;
  testing::FaultyFileSystem disk_{&memory_};
  CoordinatorConfig config_;
};

TEST_F(TlsIdentityTest, StartThatFindsItsFilesAsTheyAreToBeWritesNothing) {
  MR_ASSERT_OK(Create());
  EXPECT_EQ(disk_.Calls(DiskCall::kWrite), 2);
  MR_ASSERT_OK(Create());
  EXPECT_EQ(disk_.Calls(DiskCall::kWrite), 2);
  EXPECT_EQ(disk_.Calls(DiskCall::kRename), 2);
}

TEST_F(TlsIdentityTest, CertificateThatIsNotValidYetIsToldOfOnceAndTakenUpWhenItIs) {
  MR_ASSERT_OK_AND_ASSIGN(TlsIdentity identity, Create());
  const std::string present = identity.certificate_pem();
  const KeyAndCertificate next =
      federation_.Issue(Role::kCoordinator, "hub", now_ + absl::Hours(1), now_ + absl::Hours(10));
  Configure(next);
  EXPECT_THAT(identity.Refresh(now_),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("not valid before")));
  EXPECT_EQ(identity.Refresh(now_ + absl::Minutes(59)).value(), false);
  EXPECT_EQ(identity.certificate_pem(), present);
  EXPECT_EQ(identity.Refresh(now_ + absl::Minutes(61)).value(), true);
  EXPECT_EQ(identity.certificate_pem(), next.certificate_pem);
}

TEST_F(TlsIdentityTest, FilesThatAreNoPairAreToldOfOnceAndLeftAlone) {
  MR_ASSERT_OK_AND_ASSIGN(TlsIdentity identity, Create());
  const std::string present = identity.certificate_pem();
  Configure({federation_.Issue(Role::kCoordinator, "hub").key_pem,
             federation_.Issue(Role::kCoordinator, "hub").certificate_pem});
  EXPECT_FALSE(identity.Refresh(now_).ok());
  EXPECT_EQ(identity.Refresh(now_ + absl::Hours(2)).value(), false);
  EXPECT_EQ(identity.certificate_pem(), present);
}

TEST_F(TlsIdentityTest, NewCertificateThatFoundTheDiskFullIsTakenUpOnceThereIsSpace) {
  MR_ASSERT_OK_AND_ASSIGN(TlsIdentity identity, Create());
  const std::string present = identity.info().serial;
  const KeyAndCertificate next = federation_.Issue(Role::kCoordinator, "hub");
  Configure(next);
  disk_.FailCall(DiskCall::kWrite, 0, testing::DiskFault::kShortWrite);
  EXPECT_FALSE(identity.Refresh(now_).ok());
  EXPECT_EQ(identity.info().serial, present) << "the one that is served";
  EXPECT_EQ(identity.Refresh(now_).value(), true);
  EXPECT_EQ(identity.certificate_pem(), next.certificate_pem);
  EXPECT_NE(identity.info().serial, present);
}

TEST_F(TlsIdentityTest, FilesThatWereRefusedUnderAWrongClockAreTakenUpWhenItIsSetRight) {
  MR_ASSERT_OK_AND_ASSIGN(TlsIdentity identity, Create());
  const KeyAndCertificate next = federation_.Issue(Role::kCoordinator, "hub");
  Configure(next);
  const absl::Time years_ahead = now_ + absl::Hours(24 * 2000);
  EXPECT_THAT(identity.Refresh(years_ahead),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("expired")));
  EXPECT_EQ(identity.Refresh(years_ahead + absl::Hours(1)).value(), false);
  EXPECT_EQ(identity.Refresh(now_).value(), true);
  EXPECT_EQ(identity.certificate_pem(), next.certificate_pem);
}

}  // namespace
}  // namespace millrace
