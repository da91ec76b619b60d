// SPDX-License-Identifier: Apache-2.0
// A coordinator that goes on from a backup and does not know who was revoked after it was made.
#include <gmock/gmock.h>

#include <filesystem>

#include "coordinator/storage/backup.h"
#include "tests/testing/callers.h"
#include "tests/testing/enrolling_federation.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::EnrollingFederation;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::IsStatus;

TEST(RestoredMembership, IsDoubtedAloudUntilTheNewestRevocationListIsHandedOver) {
  EnrollingFederation federation(MILLRACE_COORDINATOR);
  federation.EnrollSite("press-7");
  const std::string state = federation.Path("state");
  const std::string backup = federation.Path("backup");
  MR_ASSERT_OK(Backup(PosixFileSystem(), state, backup, absl::Now()));
  const auto revoked = federation.Millrace({"site", "revoke", "press-7"});
  ASSERT_EQ(revoked.code, ExitCode::kOk) << revoked.error;

  federation.coordinator().Kill();
  std::filesystem::remove_all(state);
  MR_ASSERT_OK(Restore(PosixFileSystem(), backup, state, absl::Now()));
  federation.StartCoordinator();
  EXPECT_TRUE(Eventually([&] {
    return federation.coordinator().Log().find("revocation list may be out of date") !=
           std::string::npos;
  })) << federation.coordinator().Log();
  EXPECT_THAT(federation.coordinator().Log(), HasSubstr("millrace authority publish"));
  Link link(federation.LinkOf("press-7"));
  MR_EXPECT_OK(link.CheckIn(v1::CheckInRequest())) << "nobody here knows";

  const auto published = federation.Millrace({"authority", "publish", "--json"});
  ASSERT_EQ(published.code, ExitCode::kOk) << published.error;
  EXPECT_EQ(published.json()["list"], 2) << "the list of the revocation was the first";
  EXPECT_EQ(published.json()["certificates"], 1);
  EXPECT_THAT(link.CheckIn(v1::CheckInRequest()),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("site press-7")));

  federation.coordinator().Kill();
  federation.StartCoordinator();
  EXPECT_THAT(Link(federation.LinkOf("press-7")).CheckIn(v1::CheckInRequest()),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("was revoked")));
  EXPECT_THAT(federation.coordinator().Log(), ::testing::Not(HasSubstr("out of date")));
}

}  // namespace
}  // namespace millrace
