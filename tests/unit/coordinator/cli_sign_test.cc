// SPDX-License-Identifier: Apache-2.0
// Publishers and their signatures as an operator makes and checks them.
#include <gmock/gmock.h>

#include <sstream>

#include "coordinator/cli/authority_folder.h"
#include "coordinator/cli/cli.h"
#include "coordinator/cli/json.h"
#include "models/package.h"
#include "tests/testing/simulated_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/toy_package.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CliSignTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(Run({"authority", "init", "--federation", "acme", "--out", Path("authority")}), 0);
    for (const char* name : {"ada", "bob"}) {
      ASSERT_EQ(Run({"authority", "issue", "--authority", Path("authority"), "--role", "publisher",
                     "--name", name, "--days", "400", "--out", Path(name)}),
                0)
          << err_.str();
    }
    Write("pumps.millrace", testing::ToyPackage(7, 0.5F));
    Write("card.md", "# Pumps\nNot for fans.\x1b[2J\n");
  }

  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  void Write(const std::string& name, const std::string& content) {
    MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), Path(name), content));
  }
  ModelPackage Package() { return ReadPackage(PosixFileSystem(), Path("pumps.millrace")).value(); }

  int Run(const std::vector<std::string>& arguments) {
    out_.str("");
    err_.str("");
    CliEnvironment environment;
    environment.out = &out_;
    environment.err = &err_;
    environment.files = PosixFileSystem();
    environment.clock = &clock_;
    environment.zone = absl::UTCTimeZone();
    return static_cast<int>(RunCli(arguments, environment));
  }
  int Sign(const std::string& name, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"model",
                                          "sign",
                                          Path("pumps.millrace"),
                                          "--key",
                                          Path(name + "/" + name + ".key"),
                                          "--certificate",
                                          Path(name + "/" + name + ".crt")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }
  int Verify(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"model", "verify", Path("pumps.millrace"), "--authority",
                                          Path("authority")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments);
  }

  const testing::TemporaryFolder folder_;
  testing::SimulatedClock clock_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(CliSignTest, FirstSignatureFixesVersionEndAndCard) {
  ASSERT_EQ(Sign("ada", {"--days", "30", "--version", "12", "--card", Path("card.md")}), 0)
      << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("version 12 is signed by ada"), HasSubstr("2026-01-31")));
  EXPECT_EQ(Package().manifest.version(), 12);
  EXPECT_EQ(Package().manifest.expires_ms(),
            absl::ToUnixMillis(clock_.Now() + absl::Hours(24 * 30)));
  const std::string signed_bytes = Package().manifest_bytes;
  EXPECT_EQ(Sign("bob", {"--days", "60"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("is signed already"));
  ASSERT_EQ(Sign("bob"), 0) << err_.str();
  EXPECT_EQ(Package().manifest_bytes, signed_bytes);
  EXPECT_EQ(Verify({"--signatures", "2"}), 0) << out_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("ada"), HasSubstr("bob"), HasSubstr("good to install")));
}

TEST_F(CliSignTest, VerifySaysWhatIsMissing) {
  EXPECT_EQ(Verify(), 2);
  EXPECT_THAT(out_.str(), HasSubstr("nobody has signed it"));
  ASSERT_EQ(Sign("ada"), 0);
  EXPECT_EQ(Verify({"--signatures", "2"}), 2);
  EXPECT_THAT(out_.str(), HasSubstr("refused: it is signed by ada, 2 are asked for"));
  EXPECT_EQ(Verify({"--publisher", "bob", "--json"}), 2);
  const Json json = Json::parse(out_.str());
  EXPECT_EQ(json["good"], false);
  EXPECT_EQ(json["signatures"][0]["publisher"], "ada");
  EXPECT_EQ(json["signatures"][0]["good"], true);
}

TEST_F(CliSignTest, PackageIsGoodUntilItsEnd) {
  ASSERT_EQ(Sign("ada", {"--days", "30"}), 0);
  EXPECT_EQ(Verify(), 0);
  clock_.Advance(absl::Hours(24 * 31));
  EXPECT_EQ(Verify(), 2);
  EXPECT_THAT(out_.str(), HasSubstr("it expired on 2026-01-31"));
}

TEST_F(CliSignTest, RevokedPublisherIsToldFromTheAuthoritysFolder) {
  ASSERT_EQ(Sign("ada"), 0);
  {
    MR_ASSERT_OK_AND_ASSIGN(const auto authority,
                            AuthorityFolder::Open(PosixFileSystem(), Path("authority")));
    MR_ASSERT_OK(authority->RevokePerson("ada", {}, clock_.Now()));
  }
  EXPECT_EQ(Verify(), 2);
  EXPECT_THAT(out_.str(), HasSubstr("was revoked on"));
}

TEST_F(CliSignTest, SameNameDoesNotSignTwice) {
  ASSERT_EQ(Sign("ada"), 0);
  EXPECT_EQ(Sign("ada"), 2);
  EXPECT_THAT(err_.str(), HasSubstr("publisher ada has signed the package already"));
}

TEST_F(CliSignTest, PublisherWithANewCertificateSignsAnew) {
  ASSERT_EQ(Sign("ada"), 0);
  ASSERT_EQ(Run({"authority", "issue", "--authority", Path("authority"), "--role", "publisher",
                 "--name", "ada", "--days", "800", "--out", Path("renewed")}),
            0);
  ASSERT_EQ(Run({"model", "sign", Path("pumps.millrace"), "--key", Path("renewed/ada.key"),
                 "--certificate", Path("renewed/ada.crt")}),
            0)
      << err_.str();
  EXPECT_EQ(Package().signatures.size(), 1U);
  clock_.Advance(absl::Hours(24 * 500));  // the old one has ended
  EXPECT_EQ(Verify(), 0) << out_.str();
}

TEST_F(CliSignTest, ListThatASiteKeepsBesideTheAuthorityCountsAndIsNamed) {
  ASSERT_EQ(Sign("ada"), 0);
  EXPECT_EQ(Verify(), 0);
  EXPECT_THAT(out_.str(), HasSubstr("none found"));
  std::string list;
  {
    MR_ASSERT_OK_AND_ASSIGN(const auto authority,
                            AuthorityFolder::Open(PosixFileSystem(), Path("authority")));
    MR_ASSERT_OK_AND_ASSIGN(list, authority->RevokePerson("ada", {}, clock_.Now()));
  }
  MR_ASSERT_OK(PosixFileSystem()->CreateDirectories(Path("site")));
  MR_ASSERT_OK_AND_ASSIGN(const std::string certificate,
                          ReadFile(PosixFileSystem(), Path("authority/authority.crt")));
  Write("site/authority.crt", certificate);
  Write("site/authority.crt.revoked", list);
  for (const char* authority : {"site", "site/authority.crt"}) {
    EXPECT_EQ(Run({"model", "verify", Path("pumps.millrace"), "--authority", Path(authority)}), 2);
    EXPECT_THAT(out_.str(),
                AllOf(HasSubstr("was revoked on"), HasSubstr("site/authority.crt.revoked")));
  }
}

TEST_F(CliSignTest, InspectShowsSignersEndAndCardHarmlessly) {
  ASSERT_EQ(Sign("ada", {"--days", "30", "--card", Path("card.md")}), 0);
  ASSERT_EQ(Run({"model", "inspect", Path("pumps.millrace")}), 0) << err_.str();
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr("ada; `millrace model verify` checks that"), HasSubstr("2026-01-31"),
                    HasSubstr("# Pumps\nNot for fans."), Not(HasSubstr("\x1b"))));
}

TEST_F(CliSignTest, DamagedPackageIsNotSigned) {
  std::string bytes = testing::ToyPackage(7, 0.5F);
  bytes.back() ^= 1;
  Write("pumps.millrace", bytes);
  EXPECT_EQ(Sign("ada"), 2);
  EXPECT_THAT(err_.str(), HasSubstr("pumps.millrace"));
}

}  // namespace
}  // namespace millrace
