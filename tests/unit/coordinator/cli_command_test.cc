// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <stdlib.h>

#include <sstream>

#include "absl/strings/str_cat.h"
#include "base/memory_file_system.h"
#include "coordinator/cli/authority_files.h"
#include "coordinator/cli/cli.h"
#include "coordinator/cli/json.h"
#include "tests/testing/simulated_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/cli_fake_connection.h"
#include "tests/unit/coordinator/cli_runs.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::BorrowedConnection;
using testing::CommittedRound;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeRun;
using ::testing::StartsWith;

constexpr char kProfile[] = R"(
[coordinator]
address = "from-profile:1"
[identity]
certificate = "ann/ann.crt"
key = "ann/ann.key"
authority = "ann/authority.crt"
)";

/// Certificates take the time: one authority and operator for all tests.
class CliTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    authority_ =
        new KeyAndCertificate(CreateAuthority("acme", testing::SimulatedClock().Now()).value());
    operator_ = new KeyAndCertificate(IssueFor(Role::kOperator, "ann"));
    site_ = new KeyAndCertificate(IssueFor(Role::kSite, "press-7"));
  }
  static void TearDownTestSuite() {
    delete site_;
    delete operator_;
    delete authority_;
  }
  static KeyAndCertificate IssueFor(Role role, const std::string& name) {
    const absl::Time now = testing::SimulatedClock().Now();
    return IssueCertificate(*authority_, {{role, name}, now, now + absl::Hours(24), {}}).value();
  }

  void SetUp() override {
    for (const char* name : {"COORDINATOR", "CERTIFICATE", "KEY", "AUTHORITY", "PROFILE"}) {
      ::unsetenv(absl::StrCat("MILLRACE_", name).c_str());
    }
    MR_ASSERT_OK(files_.CreateDirectories("/etc/ann"));
    Write("/etc/millrace.toml", kProfile);
    Write("/etc/ann/ann.crt", operator_->certificate_pem);
    Write("/etc/ann/ann.key", operator_->key_pem);
    Write("/etc/ann/authority.crt", authority_->certificate_pem);
    Write("/etc/ann/press-7.crt", site_->certificate_pem);
    Write("/etc/ann/press-7.key", site_->key_pem);
  }

  void Write(const std::string& path, const std::string& content) {
    MR_ASSERT_OK(WriteFileDurably(&files_, path, content));
  }

  /// The exit code, as the shell sees it.
  int Run(const std::vector<std::string>& arguments) {
    out_.str("");
    err_.str("");
    CliEnvironment environment;
    environment.out = &out_;
    environment.err = &err_;
    environment.files = &files_;
    environment.clock = &clock_;
    environment.zone = absl::UTCTimeZone();
    environment.connect = [this](const ConnectionOptions& options) {
      address_ = options.address;
      return std::make_unique<BorrowedConnection>(&connection_);
    };
    return static_cast<int>(RunCli(arguments, environment));
  }
  /// With the profile that has everything.
  int RunConnected(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--profile", "/etc/millrace.toml"});
    return Run(arguments);
  }

  static KeyAndCertificate* authority_;
  static KeyAndCertificate* operator_;
  static KeyAndCertificate* site_;

  MemoryFileSystem files_;
  testing::SimulatedClock clock_;
  testing::FakeConnection connection_;
  std::string address_;
  std::ostringstream out_;
  std::ostringstream err_;
};

KeyAndCertificate* CliTest::authority_ = nullptr;
KeyAndCertificate* CliTest::operator_ = nullptr;
KeyAndCertificate* CliTest::site_ = nullptr;

TEST_F(CliTest, HelpIsAnAnswerAndNoError) {
  EXPECT_EQ(Run({"run", "watch", "--help"}), 0);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("Example:\n  millrace run watch"),
                                HasSubstr("5 the run failed"), HasSubstr("MILLRACE_COORDINATOR")));
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(CliTest, EveryCommandHasAnExampleAndTheExitCodes) {
  const std::vector<std::vector<std::string>> commands = {
      {"authority", "init"}, {"authority", "issue"}, {"plan", "check"}, {"run", "start"},
      {"run", "list"},       {"run", "show"},        {"run", "watch"},  {"run", "stop"},
      {"site", "list"},      {"model", "list"},      {"model", "show"}, {"model", "export"},
      {"model", "inspect"}};
  for (const auto& command : commands) {
    EXPECT_EQ(Run({command[0], command[1], "--help"}), 0);
    EXPECT_THAT(out_.str(),
                AllOf(HasSubstr(absl::StrCat("millrace ", command[0], " ", command[1])),
                      HasSubstr("Example:\n"), HasSubstr("Exit codes:"), HasSubstr("--json")));
  }
}

TEST_F(CliTest, WrongArgumentsAreUsageErrors) {
  EXPECT_EQ(Run({}), 1);
  EXPECT_EQ(Run({"run"}), 1);
  EXPECT_EQ(Run({"run", "fly"}), 1);
  EXPECT_EQ(Run({"run", "show"}), 1);
  EXPECT_EQ(Run({"run", "watch", "a", "--patience", "soon"}), 1);
  EXPECT_EQ(Run({"model", "show", "a", "-3"}), 1);
  EXPECT_EQ(Run({"authority", "issue", "--authority", "a", "--role", "boss", "--name", "n", "--out",
                 "o"}),
            1);
  EXPECT_THAT(err_.str(), AllOf(StartsWith("millrace: --role: "), HasSubstr("boss")));
  EXPECT_THAT(out_.str(), IsEmpty());
}

TEST_F(CliTest, AUsageErrorIsJsonForWhoAskedForIt) {
  EXPECT_EQ(Run({"run", "show", "--json"}), 1);
  const Json error = Json::parse(out_.str());
  EXPECT_EQ(error["error"]["code"], "INVALID_ARGUMENT");
  EXPECT_THAT(err_.str(), StartsWith("millrace: RUN is required"));
}

TEST_F(CliTest, AMissingSettingNamesTheWaysToGiveIt) {
  EXPECT_EQ(Run({"run", "list"}), 2);
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("--coordinator: not given"),
                                HasSubstr("MILLRACE_COORDINATOR"), HasSubstr("--profile")));
}

TEST_F(CliTest, TheCommandLineGoesBeforeTheEnvironmentAndThatBeforeTheProfile) {
  EXPECT_EQ(RunConnected({"run", "list"}), 0);
  EXPECT_EQ(address_, "from-profile:1");
  ::setenv("MILLRACE_COORDINATOR", "from-environment:1", 1);
  EXPECT_EQ(RunConnected({"run", "list"}), 0);
  EXPECT_EQ(address_, "from-environment:1");
  EXPECT_EQ(RunConnected({"run", "list", "--coordinator", "from-arguments:1"}), 0);
  EXPECT_EQ(address_, "from-arguments:1");
  ::unsetenv("MILLRACE_COORDINATOR");
}

TEST_F(CliTest, TheProfileMayBeNamedInTheEnvironment) {
  ::setenv("MILLRACE_PROFILE", "/etc/millrace.toml", 1);
  EXPECT_EQ(Run({"site", "list"}), 0);
  EXPECT_EQ(address_, "from-profile:1");
  ::unsetenv("MILLRACE_PROFILE");
}

TEST_F(CliTest, AProfilesUnknownKeyIsRefusedWithFileAndLine) {
  Write("/etc/millrace.toml", "[coordinator]\nadress = \"a:1\"\n");
  EXPECT_EQ(RunConnected({"run", "list"}), 2);
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("/etc/millrace.toml: line 2"), HasSubstr("address")));
}

TEST_F(CliTest, AnExpiredCertificateIsRefusedBeforeAnyCall) {
  clock_.Advance(absl::Hours(25));
  EXPECT_EQ(RunConnected({"run", "list"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("ann.crt: expired on 2026-01-02 00:00:00 UTC"));
  EXPECT_THAT(address_, IsEmpty());
}

TEST_F(CliTest, ASitesCertificateIsNoOperators) {
  EXPECT_EQ(RunConnected({"run", "list", "--certificate", "/etc/ann/press-7.crt", "--key",
                          "/etc/ann/press-7.key"}),
            2);
  EXPECT_THAT(err_.str(), HasSubstr("is for site press-7"));
}

TEST_F(CliTest, WhatTheCoordinatorRefusesBecomesMessageAndExitCode) {
  connection_.run = absl::NotFoundError("run x: there is no such run");
  EXPECT_EQ(RunConnected({"run", "show", "x", "--json"}), 4);
  EXPECT_EQ(err_.str(), "millrace: run x: there is no such run\n");
  EXPECT_EQ(Json::parse(out_.str())["error"]["code"], "NOT_FOUND");
}

TEST_F(CliTest, AListIsATableOrADocument) {
  *connection_.runs->add_runs() = MakeRun(v1::RUN_PHASE_FINISHED);
  EXPECT_EQ(RunConnected({"run", "list"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("turbofan-1  finished    7/30        7"));
  EXPECT_EQ(RunConnected({"run", "list", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_.str())["runs"][0]["seconds"], 303.0);
}

TEST_F(CliTest, ARefusedPlanIsNamedByItsFile) {
  Write("/plan.toml", "[run]\n");
  connection_.run = absl::InvalidArgumentError("[run] name: is missing");
  EXPECT_EQ(RunConnected({"run", "start", "/plan.toml"}), 2);
  EXPECT_EQ(err_.str(), "millrace: /plan.toml: [run] name: is missing\n");
  EXPECT_EQ(connection_.started_plan, "[run]\n");
}

TEST_F(CliTest, ALostAnswerToAStartSaysHowToFindOut) {
  Write("/plan.toml", "[run]\n");
  connection_.run = absl::DeadlineExceededError("no answer within 30s");
  EXPECT_EQ(RunConnected({"run", "start", "/plan.toml"}), 3);
  EXPECT_THAT(err_.str(), HasSubstr("millrace run list"));
}

TEST_F(CliTest, AStartThatWatchesEndsWithTheRun) {
  Write("/plan.toml", "[run]\n");
  connection_.run = MakeRun(v1::RUN_PHASE_RUNNING);
  v1::Run failed = MakeRun(v1::RUN_PHASE_FAILED);
  *failed.add_history() = CommittedRound(1);
  connection_.watch_scripts = {{.runs = {failed}}};
  EXPECT_EQ(RunConnected({"run", "start", "/plan.toml", "--watch"}), 5);
  EXPECT_THAT(out_.str(), StartsWith("run turbofan-1 started\nround  1/30"));
}

TEST_F(CliTest, AStopHandsOverItsReason) {
  connection_.run = MakeRun(v1::RUN_PHASE_STOPPED);
  EXPECT_EQ(RunConnected({"run", "stop", "turbofan-1", "--reason", "wrong sensor"}), 0);
  EXPECT_EQ(connection_.stop_reason, "wrong sensor");
}

TEST_F(CliTest, TheNewestVersionIsMeantWhereNoneIsGiven) {
  EXPECT_EQ(RunConnected({"model", "show", "turbofan-1"}), 0);
  EXPECT_EQ(connection_.asked_version, -1);
  EXPECT_EQ(RunConnected({"model", "show", "turbofan-1", "0"}), 0);
  EXPECT_EQ(connection_.asked_version, 0);
}

TEST_F(CliTest, APlanIsCheckedOffline) {
  Write("/plan.toml",
        "secure_aggregation = \"off\"\n[run]\nname = \"t\"\nrounds = 3\n[model]\nkind = "
        "\"mlp\"\nhidden = [4]\n[input]\n"
        "channels = [\"t24\"]\nwindow = 2\n[label]\nkind = \"run_to_failure\"\ncap = 125\n");
  EXPECT_EQ(Run({"plan", "check", "/plan.toml", "--json"}), 0);
  // Hidden layer 2 x 4 + 4, head 4 + 1.
  EXPECT_EQ(Json::parse(out_.str())["parameters"], 17);
  EXPECT_EQ(Json::parse(out_.str())["last_round"], 4);
  Write("/plan.toml", "[run]\nname = 7\n");
  EXPECT_EQ(Run({"plan", "check", "/plan.toml"}), 2);
  EXPECT_THAT(err_.str(), StartsWith("millrace: /plan.toml: "));
}

TEST_F(CliTest, AMissingFileIsNotFound) {
  EXPECT_EQ(Run({"plan", "check", "/none.toml"}), 4);
  EXPECT_THAT(err_.str(), HasSubstr("/none.toml"));
  EXPECT_EQ(Run({"model", "inspect", "/none.millrace"}), 4);
}

TEST_F(CliTest, WhatIsNoPackageIsRefused) {
  Write("/x.millrace", "certainly not");
  EXPECT_EQ(Run({"model", "inspect", "/x.millrace"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("/x.millrace: model package"));
}

TEST_F(CliTest, AuthorityAndCertificatesAreMadeWithoutACoordinator) {
  EXPECT_EQ(Run({"authority", "init", "--federation", "acme", "--out", "/ca"}), 0);
  EXPECT_EQ(Run({"authority", "init", "--federation", "acme", "--out", "/ca"}), 2);
  EXPECT_EQ(Run({"authority", "issue", "--authority", "/ca", "--role", "coordinator", "--name",
                 "hub", "--host", "fl.acme.example", "--host", "10.0.0.1", "--days", "7", "--out",
                 "/hub", "--json"}),
            0);
  EXPECT_EQ(Json::parse(out_.str())["not_after"], "2026-01-08T00:00:00.000Z");
  const auto read = [&](const char* path) { return ReadFile(&files_, path).value(); };
  MR_EXPECT_OK(CheckCertificate(read("/hub/hub.crt"), read("/hub/authority.crt"),
                                read("/hub/hub.key"), Role::kCoordinator, clock_.Now(), "hub"));
}

TEST_F(CliTest, AFullOutputIsAnErrorAndNotHalfADocument) {
  out_.setstate(std::ios::badbit);
  EXPECT_EQ(RunConnected({"run", "list"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("standard output"));
}

}  // namespace
}  // namespace millrace
