// SPDX-License-Identifier: Apache-2.0
// Sites behind bad networks: one that loses packets, one that is slow, one whose link comes and
// goes, one whose name server does. Real daemons; real kernels' networks where this machine allows
// them, and everywhere a proxy that does what they would.
#include <gmock/gmock.h>

#include <fstream>
#include <functional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/notification.h"
#include "base/random.h"
#include "tests/testing/cutting_proxy.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/network_namespace.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::CuttingProxy;
using testing::Eventually;
using testing::Fleet;
using ::testing::HasSubstr;
using testing::NetworkNamespace;
using testing::Process;
using ::testing::UnorderedElementsAre;
using testing::Weather;

/// A run of 60,000 parameters, 0.24 MB each way and round.
constexpr char kPlan[] = R"(secure_aggregation = "honest_but_curious"
[run]
name = "roads"
rounds = 3
[cohort]
target = 4
minimum = 4
wait_s = 60
deadline_s = 120
[secure]
phase_s = 60
[model]
kind = "mlp"
hidden = [20000]
[input]
channels = ["heat"]
normalization = "none"
[label]
kind = "column"
column = "wear"
[training]
learning_rate = 0.001
)";

const std::vector<std::string> kFar = {"lossy", "slow", "outages"};

/// A run of all sites far and near, while the link of "outages" is `cut` and `mended` by turns: no
/// round loses any of them.
void ExpectNothingButTimeIsLost(Fleet& fleet, const std::function<void()>& cut,
                                const std::function<void()>& mend) {
  Random random(3);
  std::string rows = "heat,wear\n";
  for (int row = 0; row < 200; ++row) {
    const double heat = random.Normal();
    absl::StrAppend(&rows, heat, ",", 2 * heat, "\n");
  }
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), fleet.folder() + "/rows.csv", rows));
  for (const std::string site : {"lossy", "slow", "outages", "near"}) {
    fleet.StartSite(MILLRACE_CLIENT, site,
                    "[secure]\nat_least = \"honest_but_curious\"\n"
                    "[data]\nkind = \"delimited\"\npath = \"rows.csv\"\n");
  }
  ASSERT_TRUE(fleet.AwaitSites()) << fleet.Logs();
  absl::Notification over;
  std::thread weather([&] {
    while (!over.WaitForNotificationWithTimeout(absl::Milliseconds(1500))) {
      cut();
      over.WaitForNotificationWithTimeout(absl::Milliseconds(700));
      mend();
    }
  });
  const absl::Status started = fleet.as_operator().StartRun(kPlan).status();
  const v1::Run run = fleet.AwaitEnd("roads-1");
  over.Notify();
  weather.join();
  MR_ASSERT_OK(started);
  ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet.Logs();
  EXPECT_EQ(run.version(), 3);
  for (const v1::Round& round : run.history()) {
    EXPECT_EQ(round.attempt(), 1) << fleet.Logs();
    EXPECT_THAT(round.received(), UnorderedElementsAre("lossy", "slow", "outages", "near"));
  }
}

TEST(BadNetwork, LossSlownessAndOutagesCostTheRoundNothingButTime) {
  std::map<std::string, std::unique_ptr<NetworkNamespace>> networks;
  Fleet::Networks lent;
  int index = 0;
  for (const std::string& site : kFar) {
    auto made = NetworkNamespace::Create(++index);
    if (!made.ok()) GTEST_SKIP() << "network namespaces: " << made.status().message();
    networks[site] = *std::move(made);
    lent[site] = networks[site].get();
  }
  MR_ASSERT_OK(networks["lossy"]->LosePackets(0.05));
  MR_ASSERT_OK(networks["slow"]->LimitRate(2000));

  Fleet fleet(MILLRACE_COORDINATOR, "", lent);
  ASSERT_TRUE(fleet.StartCoordinator());
  ExpectNothingButTimeIsLost(
      fleet, [&] { networks["outages"]->SetLink(false).IgnoreError(); },
      [&] { networks["outages"]->SetLink(true).IgnoreError(); });
}

TEST(BadNetwork, LostPiecesSlownessAndCutsCostTheRoundNothingButTime) {
  Fleet fleet(MILLRACE_COORDINATOR);
  ASSERT_TRUE(fleet.StartCoordinator());
  CuttingProxy lossy(fleet.port(), Weather{.lost = 0.05});
  CuttingProxy slow(fleet.port(), Weather{.bytes_per_s = 250'000});
  CuttingProxy outages(fleet.port());
  fleet.PutBehind(lossy.port(), "lossy");
  fleet.PutBehind(slow.port(), "slow");
  fleet.PutBehind(outages.port(), "outages");
  const auto cut = [&] {
    outages.Mend(0);
    outages.Cut();
  };
  ExpectNothingButTimeIsLost(fleet, cut, [&] { outages.Mend(fleet.port()); });
}

/// What starts `command` where `hosts` stands in for /etc/hosts.
std::vector<std::string> WithHosts(const std::string& hosts,
                                   const std::vector<std::string>& command) {
  return {
      "/usr/bin/unshare", "--mount", "/bin/sh", "-c",
      absl::StrCat("mount --bind ", hosts, " /etc/hosts && exec ", absl::StrJoin(command, " "))};
}

/// In place: a file that is mounted elsewhere must stay the same one.
void WriteInPlace(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

/// A site that knows its coordinator by name, which `hosts` resolves.
class NameTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Resolve("127.0.0.1");
    Process trial(WithHosts(hosts_, {"true"}), fleet_.folder() + "/trial.log");
    if (trial.AwaitExit() != 0) GTEST_SKIP() << "mounts: not possible here: " << trial.Log();
    ASSERT_TRUE(fleet_.StartCoordinator());
  }
  /// Empty: nobody knows the name.
  void Resolve(const std::string& address) {
    WriteInPlace(hosts_, address.empty() ? "" : absl::StrCat(address, " ", Fleet::kName, "\n"));
  }
  void StartSite() {
    const std::string config =
        fleet_.WriteSite("press-7", "[data]\nkind = \"delimited\"\npath = \"rows.csv\"\n",
                         fleet_.federation().Issue(Role::kSite, "press-7"));
    MR_ASSERT_OK_AND_ASSIGN(std::string text, ReadFile(PosixFileSystem(), config));
    text = absl::StrReplaceAll(text, {{"127.0.0.1", Fleet::kName}});
    MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), config, text));
    fleet_.StartProcess({"press-7"},
                        WithHosts(hosts_, {MILLRACE_CLIENT, "run", "--config", config}));
  }
  std::string SiteLog() { return fleet_.site("press-7").Log(); }
  bool HasCalledSinceTheStart() {
    const auto listed = fleet_.as_operator().ListSites();
    return listed.ok() && listed->sites_size() == 1 &&
           listed->sites(0).report().activity() == v1::ACTIVITY_IDLE;
  }

  Fleet fleet_{MILLRACE_COORDINATOR};
  const std::string hosts_ = fleet_.folder() + "/hosts";
};

TEST_F(NameTest, CoordinatorThatMovesToAnotherAddressIsFoundByItsName) {
  StartSite();
  ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
  fleet_.coordinator().Kill();
  fleet_.Move();
  Resolve(Fleet::kSecondHome);
  ASSERT_TRUE(fleet_.StartCoordinator());
  EXPECT_TRUE(Eventually([&] { return HasCalledSinceTheStart(); })) << fleet_.Logs();
}

TEST_F(NameTest, ThatFailsToResolveAndDoesAgainIsFound) {
  Resolve("");
  StartSite();
  ASSERT_TRUE(Eventually([&] { return absl::StrContains(SiteLog(), "trying again"); }))
      << fleet_.Logs();
  EXPECT_THAT(SiteLog(), HasSubstr(Fleet::kName));
  Resolve("127.0.0.1");
  ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();

  // It fails again, and the coordinator is elsewhere when it is back.
  Resolve("");
  fleet_.coordinator().Kill();
  fleet_.Move();
  const size_t said = SiteLog().size();
  ASSERT_TRUE(Eventually([&] { return absl::StrContains(SiteLog().substr(said), "trying again"); }))
      << fleet_.Logs();
  ASSERT_TRUE(fleet_.StartCoordinator());
  EXPECT_FALSE(HasCalledSinceTheStart());
  Resolve(Fleet::kSecondHome);
  EXPECT_TRUE(Eventually([&] { return HasCalledSinceTheStart(); })) << fleet_.Logs();
}

}  // namespace
}  // namespace millrace
