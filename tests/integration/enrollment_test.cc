// SPDX-License-Identifier: Apache-2.0
// From the first token to a site that trains, with real processes, as a new user does it.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "scripts/plant_simulator/plant_set.h"
#include "tests/testing/enrolling_federation.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::EnrollingFederation;
using testing::Eventually;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;
using testing::Process;

constexpr int kRefused = 2;

class EnrollmentOfAClient : public ::testing::Test {
 protected:
  std::unique_ptr<Process> StartEnroll(const std::string& token, const std::string& site) {
    return std::make_unique<Process>(
        std::vector<std::string>{MILLRACE_CLIENT, "enroll", "--coordinator", federation_.address(),
                                 "--token", token, "--out", federation_.Path(site)},
        federation_.Path(site + ".log"));
  }
  bool AwaitRequest() {
    return Eventually([&] {
      return !federation_.Millrace({"site", "list", "--json"}).json()["requests"].empty();
    });
  }
  EnrollingFederation::Answer Approve(const std::string& site) {
    return federation_.Millrace({"site", "approve", site});
  }

  EnrollingFederation federation_{MILLRACE_COORDINATOR};
};

TEST_F(EnrollmentOfAClient, IsInvitedEnrolledApprovedAndTrains) {
  const auto enroll = StartEnroll(federation_.Invite("press-7"), "press-7");
  ASSERT_TRUE(AwaitRequest()) << enroll->Log();
  const auto approved = Approve("press-7");
  ASSERT_EQ(approved.code, ExitCode::kOk) << approved.error;
  ASSERT_THAT(enroll->AwaitExit(), Optional(0)) << enroll->Log();

  PlantSetOptions plants;
  plants.out = federation_.Path("press-7/history");
  plants.plants = 1;
  plants.machines = 4;
  MR_ASSERT_OK(WriteLifeSet(plants, PosixFileSystem()));
  MR_ASSERT_OK_AND_ASSIGN(const auto files, PosixFileSystem()->List(plants.out));
  std::string train;
  for (const std::string& file : files) train = file.rfind("train_", 0) == 0 ? file : train;
  const std::string config = federation_.Path("press-7/site.toml");
  MR_ASSERT_OK_AND_ASSIGN(const std::string begun, ReadFile(PosixFileSystem(), config));
  MR_ASSERT_OK(WriteFileDurably(
      PosixFileSystem(), config,
      absl::StrCat(begun, "[data]\nkind = \"delimited\"\npath = \"history/", train,
                   "\"\nunit = \"unit\"\norder = \"cycle\"\n[secure]\nat_least = \"off\"\n")));
  Process daemon({MILLRACE_CLIENT, "run", "--config", config}, federation_.Path("daemon.log"));
  MR_ASSERT_OK(WriteFileDurably(
      PosixFileSystem(), federation_.Path("plan.toml"),
      "secure_aggregation = \"off\"\n[run]\nname = \"life\"\nrounds = 1\n"
      "[cohort]\ntarget = 1\nminimum = 1\n[model]\nkind = \"mlp\"\nhidden = [4]\n"
      "[input]\nchannels = [\"vib_rms\", \"bearing_temp\"]\nwindow = 5\nstride = 5\n"
      "[label]\nkind = \"run_to_failure\"\ncap = 50\n[split]\nvalidation = 0.3\n"
      "[training]\nlearning_rate = 0.01\nmax_steps = 20\n"));
  const auto run = federation_.Millrace({"run", "start", federation_.Path("plan.toml"), "--watch"});
  EXPECT_EQ(run.code, ExitCode::kOk) << run.text << run.error << daemon.Log();
  EXPECT_THAT(run.text, HasSubstr("round 1"));
}

TEST_F(EnrollmentOfAClient, GoesOnAfterBothSidesWereKilled) {
  const std::string token = federation_.Invite("press-7");
  {
    const auto killed = StartEnroll(token, "press-7");
    ASSERT_TRUE(AwaitRequest()) << killed->Log();
    killed->Kill();
  }
  federation_.coordinator().Kill();
  federation_.StartCoordinator();
  const auto again = StartEnroll(token, "press-7");
  ASSERT_EQ(Approve("press-7").code, ExitCode::kOk);
  EXPECT_THAT(again->AwaitExit(), Optional(0)) << again->Log();
}

TEST_F(EnrollmentOfAClient, IsToldThatItsRequestWasRejected) {
  const auto enroll = StartEnroll(federation_.Invite("press-7"), "press-7");
  ASSERT_TRUE(AwaitRequest()) << enroll->Log();
  ASSERT_EQ(federation_.Millrace({"site", "reject", "press-7", "--reason", "nobody knows it"}).code,
            ExitCode::kOk);
  EXPECT_THAT(enroll->AwaitExit(), Optional(kRefused));
  EXPECT_THAT(enroll->Log(), HasSubstr("nobody knows it"));
  EXPECT_FALSE(PosixFileSystem()->Exists(federation_.Path("press-7/site.crt")));
}

TEST_F(EnrollmentOfAClient, DoesNotEnrollTwiceWithOneToken) {
  const std::string token = federation_.Invite("press-7");
  const auto first = StartEnroll(token, "press-7");
  ASSERT_TRUE(AwaitRequest()) << first->Log();
  const auto second = StartEnroll(token, "thief");
  EXPECT_THAT(second->AwaitExit(), Optional(kRefused));
  EXPECT_THAT(second->Log(), HasSubstr("used already"));
  EXPECT_THAT(second->Log(), Not(HasSubstr(token))) << "a log is no place for a token";
}

TEST_F(EnrollmentOfAClient, KnowsACoordinatorThatIsNotTheTokens) {
  const EnrollingFederation other(MILLRACE_COORDINATOR);
  const auto enroll = StartEnroll(other.Invite("press-7"), "press-7");
  EXPECT_THAT(enroll->AwaitExit(), Optional(kRefused));
  EXPECT_THAT(enroll->Log(), HasSubstr("does not belong to the federation"));
}

TEST_F(EnrollmentOfAClient, NamesATokenWithASlip) {
  std::string token = federation_.Invite("press-7");
  token[20] = token[20] == 'A' ? 'B' : 'A';
  const auto enroll = StartEnroll(token, "press-7");
  EXPECT_THAT(enroll->AwaitExit(), Optional(kRefused));
  EXPECT_THAT(enroll->Log(), HasSubstr("copy the whole line"));
}

}  // namespace
}  // namespace millrace
