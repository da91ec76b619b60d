// SPDX-License-Identifier: Apache-2.0
#include "client/inference/machine_shares.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

/// So many of a kind, "a-1" and so on.
MachineConfig KindOf(const std::string& name, int machines, const std::string& model,
                     int channels = 2, double rate_hz = 1) {
  MachineConfig kind;
  for (int i = 1; i <= machines; ++i) kind.names.push_back(absl::StrCat(name, "-", i));
  kind.model = model;
  kind.rate_hz = rate_hz;
  for (int i = 0; i < channels; ++i) {
    kind.channels.push_back(
        {.name = absl::StrCat("c", i), .unit = "", .rate_hz = rate_hz, .rules = {}});
  }
  return kind;
}

/// Each machine's share.
std::vector<size_t> DealtOf(const std::vector<MachineShare>& shares) {
  size_t count = 0;
  for (const MachineShare& share : shares) count += share.machines.size();
  std::vector<size_t> dealt(count);
  for (size_t i = 0; i < shares.size(); ++i) {
    for (const size_t machine : shares[i].machines) dealt[machine] = i;
  }
  return dealt;
}

std::vector<size_t> SizesOf(const std::vector<MachineShare>& shares) {
  std::vector<size_t> sizes;
  for (const MachineShare& share : shares) sizes.push_back(share.machines.size());
  return sizes;
}

TEST(MachineSharesTest, OneWorkerHasAllOfThemAsTheyAre) {
  const std::vector<MachineConfig> site = {KindOf("a", 3, "pumps"), KindOf("b", 2, "fans"),
                                           KindOf("c", 1, "pumps")};
  const std::vector<MachineShare> shares = DealMachines(site, 1);
  ASSERT_THAT(shares, SizeIs(1));
  EXPECT_THAT(shares[0].machines, ElementsAre(0, 1, 2, 3, 4, 5));
  ASSERT_THAT(shares[0].kinds, SizeIs(3));
  EXPECT_EQ(shares[0].kinds[1].names, site[1].names);
  const std::vector<SampleRoute> routes = RoutesOf(site, shares);
  ASSERT_THAT(routes, SizeIs(12));
  for (size_t i = 0; i < routes.size(); ++i) {
    EXPECT_EQ(routes[i].queue, 0);
    EXPECT_EQ(routes[i].channel, static_cast<ChannelIndex>(i));
  }
}

TEST(MachineSharesTest, EqualMachinesAreDealtEvenly) {
  for (const int64_t workers : {2, 3, 4, 7}) {
    const std::vector<size_t> sizes = SizesOf(DealMachines({KindOf("a", 100, "pumps")}, workers));
    EXPECT_THAT(sizes, SizeIs(workers));
    EXPECT_THAT(sizes, Each(Ge(100 / workers)));
    EXPECT_THAT(sizes, Each(Le(100 / workers + 1)));
  }
}

TEST(MachineSharesTest, ThereAreNoMoreWorkersThanMachines) {
  EXPECT_THAT(SizesOf(DealMachines({KindOf("a", 2, "pumps"), KindOf("b", 1, "")}, 64)),
              ElementsAre(1, 1, 1));
  EXPECT_THAT(SizesOf(DealMachines({KindOf("a", 1, "pumps")}, 4)), ElementsAre(1));
  EXPECT_THAT(SizesOf(DealMachines({}, 4)), ElementsAre(0));
}

TEST(MachineSharesTest, MachineThatCountsForManyIsAlone) {
  const std::vector<MachineShare> shares =
      DealMachines({KindOf("slow", 10, "pumps"), KindOf("fast", 1, "bearings", 1, 10'000),
                    KindOf("slower", 10, "fans")},
                   3);
  EXPECT_THAT(SizesOf(shares), ::testing::UnorderedElementsAre(10, 1, 10));
}

TEST(MachineSharesTest, KindIsNotCutInTwoForTheSakeOfAMachineOrTwo) {
  const std::vector<MachineShare> shares =
      DealMachines({KindOf("a", 51, "pumps"), KindOf("b", 49, "fans")}, 2);
  EXPECT_THAT(SizesOf(shares), ElementsAre(51, 49));
  EXPECT_THAT(SizesOf(DealMachines({KindOf("a", 70, "pumps"), KindOf("b", 30, "fans")}, 2)),
              ElementsAre(50, 50));
}

TEST(MachineSharesTest, KindsOfAModelStayTogetherWhereverTheyStandInTheFile) {
  const std::vector<MachineShare> shares = DealMachines(
      {KindOf("a", 10, "pumps"), KindOf("b", 20, "fans"), KindOf("c", 10, "pumps")}, 2);
  ASSERT_THAT(shares, SizeIs(2));
  ASSERT_THAT(shares[0].kinds, SizeIs(2));
  EXPECT_EQ(shares[0].kinds[0].model, "pumps");
  EXPECT_EQ(shares[0].kinds[1].model, "pumps");
  ASSERT_THAT(shares[1].kinds, SizeIs(1));
  EXPECT_EQ(shares[1].kinds[0].model, "fans");
}

TEST(MachineSharesTest, OneMachineMoreMovesFewOthers) {
  constexpr int64_t kWorkers = 5;
  for (int machines = 20; machines < 60; ++machines) {
    const std::vector<size_t> before =
        DealtOf(DealMachines({KindOf("a", machines, "pumps")}, kWorkers));
    const std::vector<size_t> after =
        DealtOf(DealMachines({KindOf("a", machines + 1, "pumps")}, kWorkers));
    int64_t moved = 0;
    for (size_t i = 0; i < before.size(); ++i) moved += before[i] != after[i];
    EXPECT_LT(moved, kWorkers) << machines;
    EXPECT_EQ(before, DealtOf(DealMachines({KindOf("a", machines, "pumps")}, kWorkers)));
  }
}

TEST(MachineSharesTest, EveryChannelGoesToItsMachinesShareAsThatCountsIt) {
  const std::vector<MachineConfig> site = {KindOf("a", 5, "pumps", 3), KindOf("b", 4, "fans", 2),
                                           KindOf("c", 3, "pumps", 1), KindOf("d", 1, "", 4)};
  const std::vector<std::string> names = ChannelNames(site);
  for (const int64_t workers : {1, 2, 3, 5, 13}) {
    const std::vector<MachineShare> shares = DealMachines(site, workers);
    ASSERT_THAT(shares, SizeIs(workers));
    std::vector<std::vector<std::string>> names_of_shares;
    for (const MachineShare& share : shares) names_of_shares.push_back(ChannelNames(share.kinds));
    const std::vector<SampleRoute> routes = RoutesOf(site, shares);
    ASSERT_THAT(routes, SizeIs(names.size()));
    for (size_t i = 0; i < routes.size(); ++i) {
      EXPECT_EQ(names_of_shares[routes[i].queue].at(routes[i].channel), names[i]);
      names_of_shares[routes[i].queue][routes[i].channel] = "taken";
    }
    for (const auto& of_share : names_of_shares) EXPECT_THAT(of_share, Each("taken"));
  }
}

/// Judged by the rows of those.
MachineConfig JudgedByRowsOf(const MachineConfig& kind, std::vector<std::string> machines,
                             const std::string& model) {
  MachineConfig judged = kind;
  judged.names.clear();
  for (const std::string& machine : machines) judged.names.push_back(machine + "-" + model);
  judged.channels_of = std::move(machines);
  judged.model = model;
  return judged;
}

TEST(MachineSharesTest, MachineGoesWithWhoseRowsItIsJudgedBy) {
  const MachineConfig pumps = KindOf("a", 6, "pumps", 3);
  const MachineConfig fans = KindOf("b", 3, "fans");
  const std::vector<MachineConfig> site = {
      JudgedByRowsOf(fans, {"b-3", "b-1"}, "life"), pumps, fans,
      JudgedByRowsOf(pumps, {"a-1", "a-2", "a-3", "a-4", "a-5", "a-6"}, "life")};
  const std::vector<std::string> names = ChannelNames(site);
  ASSERT_THAT(names, SizeIs(6 * 3 + 3 * 2));
  for (const int64_t workers : {1, 2, 4, 9, 64}) {
    const std::vector<MachineShare> shares = DealMachines(site, workers);
    EXPECT_THAT(shares, SizeIs(std::min<int64_t>(workers, 9))) << "who has channels makes work";
    std::vector<std::vector<std::string>> names_of_shares;
    size_t machines = 0;
    for (const MachineShare& share : shares) {
      names_of_shares.push_back(ChannelNames(share.kinds));
      machines += share.machines.size();
      for (const MachineConfig& kind : share.kinds) {
        for (size_t i = 0; i < kind.names.size(); ++i) {
          EXPECT_EQ(RowsOfMachine(share.kinds, kind.RowsOf(i)), kind.RowsOf(i)) << kind.names[i];
        }
      }
    }
    EXPECT_EQ(machines, 2 + 6 + 3 + 6);
    const std::vector<SampleRoute> routes = RoutesOf(site, shares);
    ASSERT_THAT(routes, SizeIs(names.size()));
    for (size_t i = 0; i < routes.size(); ++i) {
      EXPECT_EQ(names_of_shares[routes[i].queue].at(routes[i].channel), names[i]);
    }
  }
}

TEST(MachineSharesTest, RowsThatAreJudgedTwiceCountForMore) {
  const MachineConfig pumps = KindOf("a", 40, "pumps", 4);
  std::vector<std::string> first = pumps.names;
  first.resize(20);
  // Each of the first comes once and is judged twice: 3 to 2.
  const std::vector<MachineShare> shares =
      DealMachines({pumps, JudgedByRowsOf(pumps, first, "life")}, 2);
  ASSERT_THAT(shares, SizeIs(2));
  EXPECT_EQ(shares[0].kinds.front().names.size(), 17);
  EXPECT_EQ(shares[1].kinds.front().names.size(), 23);
}

}  // namespace
}  // namespace millrace
