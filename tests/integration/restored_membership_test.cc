// SPDX-License-Identifier: Apache-2.0
// A coordinator that goes on from a backup and does not know who was revoked, or who became the
// authority, after it was made.
#include <gmock/gmock.h>

#include <filesystem>

#include "base/clock.h"
#include "client/enrollment/identity_keeper.h"
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
using ::testing::Not;

/// What the site goes by once it has asked its coordinator whom to trust.
std::string TrustOf(const EnrollingFederation& federation, const std::string& site) {
  IdentityFiles files = federation.FilesOf(site);
  Link link(federation.LinkOf(site));
  IdentityKeeper keeper(&link, &files, files.Load().value(), SystemClock());
  MR_EXPECT_OK(keeper.RunOnce()) << site;
  return files.Load().value().authority_pem;
}

/// On the state of the backup.
void StartRestored(EnrollingFederation& federation, const std::string& backup) {
  federation.coordinator().Kill();
  std::filesystem::remove_all(federation.Path("state"));
  MR_ASSERT_OK(Restore(PosixFileSystem(), backup, federation.Path("state"), absl::Now()));
  federation.StartCoordinator();
}

TEST(RestoredMembership, IsDoubtedAloudUntilTheNewestRevocationListIsHandedOver) {
  EnrollingFederation federation(MILLRACE_COORDINATOR);
  federation.EnrollSite("press-7");
  const std::string state = federation.Path("state");
  const std::string backup = federation.Path("backup");
  MR_ASSERT_OK(Backup(PosixFileSystem(), state, backup, absl::Now()));
  const auto revoked = federation.Millrace({"site", "revoke", "press-7"});
  ASSERT_EQ(revoked.code, ExitCode::kOk) << revoked.error;

  StartRestored(federation, backup);
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
  EXPECT_THAT(federation.coordinator().Log(), Not(HasSubstr("out of date")));
}

TEST(RestoredMembership, LearnsOfARotationAndOfRevocationsUnderTheNewAuthority) {
  EnrollingFederation federation(MILLRACE_COORDINATOR);
  for (const std::string site : {"press-7", "press-8", "press-9"}) federation.EnrollSite(site);
  ASSERT_EQ(federation.Millrace({"site", "revoke", "press-9"}).code, ExitCode::kOk);
  const std::string backup = federation.Path("backup");
  MR_ASSERT_OK(Backup(PosixFileSystem(), federation.Path("state"), backup, absl::Now()));
  ASSERT_EQ(federation.Millrace({"authority", "rotate"}).code, ExitCode::kOk);
  ASSERT_EQ(federation.Millrace({"site", "revoke", "press-8"}).code, ExitCode::kOk);
  EXPECT_THAT(TrustOf(federation, "press-7"), HasSubstr("Millrace-Trust: 1"));

  StartRestored(federation, backup);
  EXPECT_THAT(TrustOf(federation, "press-7"), HasSubstr("Millrace-Trust: 1")) << "no way back";
  const auto published = federation.Millrace({"authority", "publish", "--json"});
  ASSERT_EQ(published.code, ExitCode::kOk) << published.error;
  EXPECT_EQ(published.json()["statements"], 1);
  EXPECT_EQ(published.json()["certificates"], 2);
  for (const std::string site : {"press-8", "press-9"}) {
    EXPECT_THAT(Link(federation.LinkOf(site)).CheckIn(v1::CheckInRequest()),
                IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr(site)));
  }
  federation.EnrollSite("press-10");  // its certificate is the new authority's
  const auto again = federation.Millrace({"authority", "publish", "--json"});
  ASSERT_EQ(again.code, ExitCode::kOk) << again.error;
  EXPECT_EQ(again.json()["statements"], 0);
}

// As operations.md has it: the new authority.crt was copied to the coordinator.
TEST(RestoredMembership, ThatIsAheadByItsFileLeadsSitesThereThatAreBehind) {
  EnrollingFederation federation(MILLRACE_COORDINATOR);
  federation.EnrollSite("press-7");
  federation.EnrollSite("press-8");
  const std::string backup = federation.Path("backup");
  MR_ASSERT_OK(Backup(PosixFileSystem(), federation.Path("state"), backup, absl::Now()));
  ASSERT_EQ(federation.Millrace({"authority", "rotate"}).code, ExitCode::kOk);
  EXPECT_THAT(TrustOf(federation, "press-8"), HasSubstr("Millrace-Trust: 1"));
  federation.Age("press-8", absl::Hours(1), absl::Hours(24));  // by the new authority
  std::filesystem::copy_file(federation.authority() + "/authority.crt",
                             federation.Path("hub/authority.crt"),
                             std::filesystem::copy_options::overwrite_existing);

  StartRestored(federation, backup);
  EXPECT_THAT(TrustOf(federation, "press-7"), Not(HasSubstr("Millrace-Trust")));
  EXPECT_THAT(TrustOf(federation, "press-8"), HasSubstr("Millrace-Trust: 1"));
  ASSERT_EQ(federation.Millrace({"authority", "publish"}).code, ExitCode::kOk);
  EXPECT_THAT(TrustOf(federation, "press-7"), HasSubstr("Millrace-Trust: 1"));

  federation.coordinator().Kill();
  federation.StartCoordinator();
  for (const std::string who : {"hub", "ada"}) {
    std::filesystem::remove_all(federation.Path(who));
    federation.Issue(who == "hub" ? "coordinator" : "approver", who);
  }
  ASSERT_TRUE(Eventually([&] {
    return federation.coordinator().Log().find("has a new certificate") != std::string::npos;
  }));
  ASSERT_EQ(federation.Millrace({"authority", "retire"}).code, ExitCode::kOk);
  EXPECT_THAT(TrustOf(federation, "press-8"), HasSubstr("Millrace-Trust: 2"));
}

}  // namespace
}  // namespace millrace
