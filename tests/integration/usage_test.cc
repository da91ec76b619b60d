// SPDX-License-Identifier: Apache-2.0
// Programs that are called wrongly say so before they do anything.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/testing/lone_site.h"
#include "tests/testing/process.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Optional;
using testing::Process;

constexpr int kRefused = 1;
constexpr int kUsage = 2;  // or a refusal of the client's

class Usage : public ::testing::TestWithParam<const char*> {
 protected:
  const testing::TemporaryFolder folder_;
};

TEST_P(Usage, UnknownOptionExitsWithTwoAndHelpWithZero) {
  Process wrong({GetParam(), "--confg", "x.toml"}, folder_.path() + "/wrong.log");
  EXPECT_THAT(wrong.AwaitExit(), Optional(kUsage));
  EXPECT_THAT(wrong.Log(), HasSubstr("--help"));
  Process help({GetParam(), "--help"}, folder_.path() + "/help.log");
  EXPECT_THAT(help.AwaitExit(), Optional(0));
}

TEST_P(Usage, MissingOptionExitsWithTwo) {
  Process bare({GetParam()}, folder_.path() + "/bare.log");
  EXPECT_THAT(bare.AwaitExit(), Optional(kUsage));
}

INSTANTIATE_TEST_SUITE_P(Programs, Usage,
                         ::testing::Values(MILLRACE_COORDINATOR, MILLRACE_CLIENT, MILLRACE_TRAIN),
                         [](const auto& info) { return std::to_string(info.index); });

constexpr char kSiteOfAnotherUser[] = R"([data]
kind = "store"
[store]
[capture]
[[machine]]
names = ["pump-1"]
rate_hz = 10
[[machine.channel]]
name = "current"
)";

TEST(StateOfAnotherUser, IsChangedByNoCommandOfTheSuperuser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only the superuser can give a folder to another user";
  constexpr uid_t kOther = 65534;
  const testing::TemporaryFolder folder;
  const std::string state = folder.path() + "/state";
  const std::string config = folder.path() + "/site.toml";
  std::ofstream(config) << testing::kLoneSite << kSiteOfAnotherUser;
  std::filesystem::create_directory(state);
  ASSERT_EQ(::chown(state.c_str(), kOther, kOther), 0);
  const std::vector<std::vector<std::string>> commands = {
      {"captures", "--config", config, "take", "pump-1"},
      {"captures", "--config", config, "label", "some-capture", "1"},
      {"pause", "--config", config, "--reason", "stocktaking"},
      {"resume", "--config", config}};
  for (size_t i = 0; i < commands.size(); ++i) {
    std::vector<std::string> command = {MILLRACE_CLIENT};
    command.insert(command.end(), commands[i].begin(), commands[i].end());
    Process process(command, folder.path() + "/" + std::to_string(i) + ".log");
    EXPECT_THAT(process.AwaitExit(), Optional(kUsage)) << commands[i][0];
    EXPECT_THAT(process.Log(), AllOf(HasSubstr(state + ": belongs to "), HasSubstr("sudo -u ")))
        << commands[i][0];
  }
  EXPECT_TRUE(std::filesystem::is_empty(state));
}

TEST(Train, FolderOfThePackageThatIsMissingIsNamedBeforeAnythingIsRead) {
  const testing::TemporaryFolder folder;
  Process train({MILLRACE_TRAIN, "--plan", "no-plan.toml", "--site", "no-site.toml", "--out",
                 folder.path() + "/models/a.millrace"},
                folder.path() + "/train.log");
  EXPECT_THAT(train.AwaitExit(), Optional(kRefused));
  EXPECT_THAT(train.Log(), AllOf(HasSubstr("--out"), HasSubstr(folder.path() + "/models"),
                                 HasSubstr("make it first")));
}

}  // namespace
}  // namespace millrace
