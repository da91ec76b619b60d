// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "coordinator/cli/authority_files.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;

const absl::Time kNow = absl::FromUnixSeconds(1767225600);  // 2026-01-01 00:00:00 UTC

mode_t ModeOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

class AuthorityFilesTest : public ::testing::Test {
 protected:
  AuthorityFilesTest() : previous_mask_(::umask(0)) {}  // the strictest test of a file's own mode
  ~AuthorityFilesTest() override { ::umask(previous_mask_); }

  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string Read(const std::string& name) const {
    return ReadFile(PosixFileSystem(), Path(name)).value();
  }

  absl::Status Init(const std::string& folder) {
    return InitAuthority(PosixFileSystem(), Path(folder), "acme", kNow);
  }
  absl::StatusOr<IssuedFiles> Issue(const std::string& authority, Role role,
                                    const std::string& name, const std::string& out) {
    CertificateRequest request;
    request.identity = {role, name};
    request.not_before = kNow - absl::Hours(1);
    request.not_after = kNow + kDefaultCertificateLife;
    return IssueFiles(PosixFileSystem(), Path(authority), request, Path(out));
  }

 private:
  const mode_t previous_mask_;
  const testing::TemporaryFolder folder_;
};

TEST_F(AuthorityFilesTest, KeysAreForTheirOwnerOnly) {
  MR_ASSERT_OK(Init("authority"));
  EXPECT_EQ(ModeOf(Path("authority/authority.key")), 0600u);
  MR_ASSERT_OK_AND_ASSIGN(const IssuedFiles files,
                          Issue("authority", Role::kSite, "press-7", "press-7"));
  EXPECT_EQ(ModeOf(files.key), 0600u);
}

TEST_F(AuthorityFilesTest, AKeyDoesNotInheritTheModeOfALeftOverTemporaryFile) {
  ASSERT_EQ(::mkdir(Path("authority").c_str(), 0755), 0);
  std::ofstream(Path("authority/authority.key.tmp")) << "left over";
  ASSERT_EQ(ModeOf(Path("authority/authority.key.tmp")), 0666u);
  MR_ASSERT_OK(Init("authority"));
  EXPECT_EQ(ModeOf(Path("authority/authority.key")), 0600u);
}

TEST_F(AuthorityFilesTest, AnAuthorityIsNeverOverwritten) {
  MR_ASSERT_OK(Init("authority"));
  const std::string key = Read("authority/authority.key");
  EXPECT_THAT(Init("authority"),
              IsStatus(absl::StatusCode::kAlreadyExists, HasSubstr("authority.key")));
  EXPECT_EQ(Read("authority/authority.key"), key);
}

TEST_F(AuthorityFilesTest, ALoneCertificateIsNotOverwrittenEither) {
  MR_ASSERT_OK(Init("authority"));
  MR_ASSERT_OK(PosixFileSystem()->Remove(Path("authority/authority.key")));
  EXPECT_THAT(Init("authority"),
              IsStatus(absl::StatusCode::kAlreadyExists, HasSubstr("authority.crt")));
}

TEST_F(AuthorityFilesTest, WhatIsIssuedPassesTheHoldersOwnCheck) {
  MR_ASSERT_OK(Init("authority"));
  MR_ASSERT_OK(Issue("authority", Role::kOperator, "ann", "ann"));
  MR_EXPECT_OK(CheckCertificate(Read("ann/ann.crt"), Read("ann/authority.crt"), Read("ann/ann.key"),
                                Role::kOperator, kNow, "ann.crt"));
  EXPECT_EQ(Read("ann/authority.crt"), Read("authority/authority.crt"));
}

TEST_F(AuthorityFilesTest, AnIssuedKeyIsNeverOverwritten) {
  MR_ASSERT_OK(Init("authority"));
  MR_ASSERT_OK(Issue("authority", Role::kSite, "press-7", "out"));
  const std::string key = Read("out/press-7.key");
  EXPECT_THAT(Issue("authority", Role::kSite, "press-7", "out"),
              IsStatus(absl::StatusCode::kAlreadyExists, HasSubstr("press-7.key")));
  EXPECT_EQ(Read("out/press-7.key"), key);
}

TEST_F(AuthorityFilesTest, SeveralSitesOfAFederationMayShareAFolder) {
  MR_ASSERT_OK(Init("authority"));
  MR_ASSERT_OK(Issue("authority", Role::kSite, "press-7", "out"));
  MR_EXPECT_OK(Issue("authority", Role::kSite, "press-8", "out"));
}

TEST_F(AuthorityFilesTest, FederationsAreNotMixedInOneFolder) {
  MR_ASSERT_OK(Init("one"));
  MR_ASSERT_OK(Init("two"));
  MR_ASSERT_OK(Issue("one", Role::kSite, "press-7", "out"));
  EXPECT_THAT(Issue("two", Role::kSite, "press-8", "out"),
              IsStatus(absl::StatusCode::kAlreadyExists, HasSubstr("another authority")));
  EXPECT_FALSE(PosixFileSystem()->Exists(Path("out/press-8.key")));
}

TEST_F(AuthorityFilesTest, ANameCannotLeaveItsFolder) {
  MR_ASSERT_OK(Init("authority"));
  EXPECT_THAT(Issue("authority", Role::kSite, "../press-7", "out"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("../press-7")));
  EXPECT_FALSE(PosixFileSystem()->Exists(Path("press-7.key")));
}

TEST_F(AuthorityFilesTest, NobodyIsCalledLikeTheAuthoritysFiles) {
  MR_ASSERT_OK(Init("authority"));
  EXPECT_THAT(Issue("authority", Role::kSite, "authority", "out"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("choose another name")));
}

TEST_F(AuthorityFilesTest, AMissingAuthoritySaysHowToMakeOne) {
  EXPECT_THAT(Issue("nowhere", Role::kSite, "press-7", "out"),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("authority init")));
}

}  // namespace
}  // namespace millrace
