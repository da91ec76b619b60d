// SPDX-License-Identifier: Apache-2.0
// Programs that are called wrongly say so before they do anything.
#include <gmock/gmock.h>

#include "tests/testing/process.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Optional;
using testing::Process;

constexpr int kRefused = 1;
constexpr int kUsage = 2;

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
