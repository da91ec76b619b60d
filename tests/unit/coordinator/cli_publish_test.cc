// SPDX-License-Identifier: Apache-2.0
// What `millrace authority publish` hands a coordinator that was restored, and in which order.
#include <gmock/gmock.h>

#include <sstream>

#include "base/file_system.h"
#include "coordinator/cli/cli.h"
#include "tests/testing/simulated_clock.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/coordinator/cli_fake_connection.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::BorrowedConnection;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class PublishTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(Run({"authority", "init", "--federation", "acme", "--out", Path("ca")}), 0);
    ASSERT_EQ(Run({"authority", "issue", "--authority", Path("ca"), "--role", "approver", "--name",
                   "ada", "--out", Path("ada")}),
              0);
    ASSERT_EQ(RunAsAda({"authority", "rotate"}), 0) << err_.str();
    calls().published.clear();
  }

  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  int Run(const std::vector<std::string>& arguments) {
    out_.str("");
    err_.str("");
    CliEnvironment environment;
    environment.out = &out_;
    environment.err = &err_;
    environment.files = PosixFileSystem();
    environment.clock = &clock_;
    environment.zone = absl::UTCTimeZone();
    environment.connect = [this](const ConnectionOptions&) {
      return std::make_unique<BorrowedConnection>(&connection_);
    };
    return static_cast<int>(RunCli(arguments, environment));
  }
  int RunAsAda(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(),
                     {"--coordinator", "hub:1", "--certificate", Path("ada/ada.crt"), "--key",
                      Path("ada/ada.key"), "--authority", Path("ca")});
    return Run(arguments);
  }
  testing::FakeEnrollmentCalls& calls() { return connection_.enrollment_calls; }

  const testing::TemporaryFolder folder_;
  testing::SimulatedClock clock_;
  testing::FakeConnection connection_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(PublishTest, RevocationListFollowsTheAuthoritiesThatSignedIt) {
  EXPECT_EQ(RunAsAda({"authority", "publish"}), 0) << err_.str();
  ASSERT_THAT(calls().published, SizeIs(2));
  EXPECT_EQ(calls().published[0].statement().number(), 1);
  EXPECT_THAT(calls().published[1].revocation_list(), Not(IsEmpty()));
  EXPECT_THAT(out_.str(), HasSubstr("1 changes of authorities"));
}

TEST_F(PublishTest, RevocationListIsHandedOverThoughAStatementIsRefused) {
  calls().statements = absl::FailedPreconditionError("statement 1: by nobody who counts");
  EXPECT_NE(RunAsAda({"authority", "publish"}), 0);
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("statement 1"), HasSubstr("copy authority.crt to it")));
  ASSERT_THAT(calls().published, SizeIs(2));
  EXPECT_THAT(calls().published[1].revocation_list(), Not(IsEmpty()));
}

TEST_F(PublishTest, StatementThatOnlySitesMissComesLastAndIsNoReasonToFail) {
  calls().trust.set_number(1);  // by its file
  calls().statements = absl::FailedPreconditionError("statement 1: by nobody who counts");
  EXPECT_EQ(RunAsAda({"authority", "publish"}), 0) << err_.str();
  ASSERT_THAT(calls().published, SizeIs(2));
  EXPECT_THAT(calls().published[0].revocation_list(), Not(IsEmpty()));
  EXPECT_EQ(calls().published[1].statement().number(), 1);
  EXPECT_THAT(err_.str(), HasSubstr("may have to enroll anew"));
}

}  // namespace
}  // namespace millrace
