// SPDX-License-Identifier: Apache-2.0
#include "client/inference/machine_config.h"

#include <gmock/gmock.h>

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
unit = "A"
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
  EXPECT_EQ(machines[0].channels[0].rules.max, 40);
  EXPECT_THAT(ChannelNames(machines),
              ElementsAre("pump-1/current", "pump-1/speed", "pump-2/current", "pump-2/speed",
                          "pump-3/current", "pump-3/speed", "spare/current", "spare/speed"));
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

}  // namespace
}  // namespace millrace
