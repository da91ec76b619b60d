// SPDX-License-Identifier: Apache-2.0
#include "client/inference/machine_config.h"

#include <gmock/gmock.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

absl::StatusOr<std::vector<MachineConfig>> Read(absl::string_view toml) {
  absl::StatusOr<TomlTable> root = TomlTable::Parse(toml);
  if (!root.ok()) return root.status();
  std::vector<MachineConfig> machines = ReadMachines(*root);
  if (const absl::Status status = root->Finish(); !status.ok()) return status;
  return machines;
}

constexpr char kPumps[] = R"(
[[machine]]
names = ["pump-{1..3}", "spare"]
model = "pumps"
rate_hz = 10
hop = 5
[[machine.channel]]
name = "current"
unit = " A "
min = 0
max = 40
[[machine.channel]]
name = "speed"
rate_hz = 1
)";

TEST(MachineConfigTest, NamesMachinesAndTheirChannels) {
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<MachineConfig> machines, Read(kPumps));
  ASSERT_THAT(machines, SizeIs(1));
  EXPECT_THAT(machines[0].names, ElementsAre("pump-1", "pump-2", "pump-3", "spare"));
  EXPECT_EQ(machines[0].channels[0].rate_hz, 10);
  EXPECT_EQ(machines[0].channels[1].rate_hz, 1);
  EXPECT_EQ(machines[0].channels[0].unit, "A");
  EXPECT_EQ(machines[0].channels[1].unit, "");
  EXPECT_EQ(machines[0].channels[0].rules.max, 40);
  EXPECT_THAT(ChannelNames(machines),
              ElementsAre("pump-1/current", "pump-1/speed", "pump-2/current", "pump-2/speed",
                          "pump-3/current", "pump-3/speed", "spare/current", "spare/speed"));
}

constexpr char kLives[] = R"(
[[machine]]
names = ["pump-{1..2}-life"]
channels_of = ["pump-{1..2}"]
model = "pump-lives"
hop = 50
alarm_below = 24
)";

TEST(MachineConfigTest, MachineMayBeJudgedByTheRowsOfAnother) {
  for (const std::string& toml : {absl::StrCat(kPumps, kLives), absl::StrCat(kLives, kPumps)}) {
    MR_ASSERT_OK_AND_ASSIGN(std::vector<MachineConfig> machines, Read(toml));
    ASSERT_THAT(machines, SizeIs(2));
    if (machines[0].channels_of.empty()) std::swap(machines[0], machines[1]);
    const MachineConfig& lives = machines[0];
    EXPECT_THAT(lives.channels_of, ElementsAre("pump-1", "pump-2"));
    EXPECT_EQ(lives.RowsOf(1), "pump-2");
    EXPECT_EQ(lives.rate_hz, 10);
    EXPECT_EQ(lives.hop, 50);
    EXPECT_EQ(lives.alarm_below, 24);
    ASSERT_THAT(lives.channels, SizeIs(2));
    EXPECT_EQ(lives.channels[1].name, "speed");
    EXPECT_EQ(lives.OwnChannels(), 0);
    EXPECT_EQ(machines[1].OwnChannels(), 2);
    EXPECT_THAT(ChannelNames(machines), SizeIs(8)) << "the stream has each channel once";
    EXPECT_EQ(RowsOfMachine(machines, "pump-2-life"), "pump-2");
    EXPECT_EQ(RowsOfMachine(machines, "spare"), "spare");
    EXPECT_EQ(RowsOfMachine(machines, "pump-9"), std::nullopt);
  }
}

TEST(MachineConfigTest, VerdictsOfOneTableMayBeNewsForLongerThanTheSiteSays) {
  MR_ASSERT_OK_AND_ASSIGN(const auto machines,
                          Read(absl::StrCat(kPumps, kLives, "fresh_s = 90\n")));
  EXPECT_EQ(machines[0].FreshS(30), 30);
  EXPECT_EQ(machines[1].FreshS(30), 90);
  EXPECT_THAT(Read(absl::StrCat(kPumps, kLives, "fresh_s = 4.9\n")).status(),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       HasSubstr("must be at least the 5 s between two verdicts")));
}

TEST(MachineConfigTest, ValueThatIsAnAlarmMayBeZeroAndIsNoneUnlessItIsSaid) {
  const auto read = [](const std::string& key) {
    return Read("[[machine]]\nnames = [\"a\"]\nrate_hz = 1\n" + key +
                "[[machine.channel]]\nname = \"a\"\n");
  };
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<MachineConfig> zero, read("alarm_below = 0\n"));
  EXPECT_EQ(zero[0].alarm_below, 0);
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<MachineConfig> unsaid, read(""));
  EXPECT_EQ(unsaid[0].alarm_below, std::nullopt);
}

struct Wrong {
  std::string toml;
  std::string reason;
};

class WrongMachineTest : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongMachineTest, IsRefusedByName) {
  EXPECT_THAT(Read(GetParam().toml).status(),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().reason)));
}

const char kChannel[] = "[[machine.channel]]\nname = \"a\"\n";

INSTANTIATE_TEST_SUITE_P(
    Tables, WrongMachineTest,
    ::testing::Values(
        Wrong{"[[machine]]\nrate_hz = 1\n" + std::string(kChannel), "names"},
        Wrong{"[[machine]]\nnames = [\"a\"]\n" + std::string(kChannel), "rate_hz"},
        Wrong{"[[machine]]\nnames = [\"a\"]\nrate_hz = 1\n", "channel"},
        Wrong{"[[machine]]\nnames = [\"a\", \"a\"]\nrate_hz = 1\n" + std::string(kChannel),
              "'a' is there twice"},
        Wrong{"[[machine]]\nnames = [\"a/b\"]\nrate_hz = 1\n" + std::string(kChannel), "a/b"},
        Wrong{"[[machine]]\nnames = [\"a{1..\"]\nrate_hz = 1\n" + std::string(kChannel), "range"},
        Wrong{"[[machine]]\nnames = [\"a{5..1}\"]\nrate_hz = 1\n" + std::string(kChannel), "range"},
        Wrong{"[[machine]]\nnames = [\"a{1..99999999}\"]\nrate_hz = 1\n" + std::string(kChannel),
              "range"},
        Wrong{"[[machine]]\nnames = [\"a\"]\nrate_hz = 0\n" + std::string(kChannel), "rate_hz"},
        Wrong{"[[machine]]\nnames = [\"a\"]\nrate_hz = 1\n" + std::string(kChannel) + kChannel,
              "two channels"},
        Wrong{"[[machine]]\nnames = [\"a\"]\nrate_hz = 1\n" + std::string(kChannel) +
                  "reference = \"b\"\nreference_offset = 1\n",
              "reference"},
        Wrong{"[[machine]]\nnames = [\"a\"]\nrate_hz = 1\nhopp = 1\n" + std::string(kChannel),
              "hopp"}));

/// A second table beside the pumps.
std::string SecondTable(const std::string& channels_of, const std::string& rest = "") {
  return absl::StrCat(kPumps, "[[machine]]\nnames = [\"a\", \"b\"]\nmodel = \"m\"\nchannels_of = ",
                      channels_of, "\n", rest);
}

INSTANTIATE_TEST_SUITE_P(
    OtherRows, WrongMachineTest,
    ::testing::Values(
        Wrong{SecondTable("[\"pump-1\", \"pump-9\"]"), "'pump-9' is in no [[machine]]"},
        Wrong{SecondTable("[\"pump-1\", \"a\"]"), "'a' is of this very table"},
        Wrong{SecondTable("[\"pump-1\", \"pump-1\"]"), "'pump-1' is there twice"},
        Wrong{SecondTable("[\"pump-1\"]"), "there are 2, and here 1"},
        Wrong{SecondTable("[]"), "there are 2, and here 0"},
        Wrong{SecondTable("[\"pump-{1..\"]"), "range"},
        Wrong{SecondTable("\"pump-1\""), "channels_of"},
        Wrong{SecondTable("[\"pump-1\", \"pump-2\"]",
                          "[[machine]]\nnames = [\"c\"]\nmodel = \"m\"\nchannels_of = [\"b\"]\n"),
              "'b' has no channels of its own either"},
        Wrong{SecondTable("[\"pump-1\", \"fan\"]",
                          "[[machine]]\nnames = [\"fan\"]\nrate_hz = 1\n" + std::string(kChannel)),
              "'pump-1' and 'fan' are of different [[machine]] tables"},
        Wrong{SecondTable("[\"pump-1\", \"pump-2\"]", "rate_hz = 1\n"),
              "rate_hz = 1: belongs to the machines that channels_of names"},
        Wrong{SecondTable("[\"pump-1\", \"pump-2\"]", "store = []\n"), "store"},
        Wrong{SecondTable("[\"pump-1\", \"pump-2\"]", kChannel),
              "channel]: belongs to the machines"},
        Wrong{absl::StrCat(kPumps, "[[machine]]\nnames = [\"a\"]\nchannels_of = [\"spare\"]\n"),
              "model"}));

}  // namespace
}  // namespace millrace
