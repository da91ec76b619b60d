// SPDX-License-Identifier: Apache-2.0
// Sites behind networks of their own: one that loses packets, one that is slow, one whose link
// comes and goes. Real daemons, real kernels' networks; nothing here is simulated.
#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/notification.h"
#include "base/random.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/network_namespace.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::Fleet;
using testing::NetworkNamespace;
using testing::Process;
using ::testing::UnorderedElementsAre;

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

TEST(BadNetwork, LossSlownessAndOutagesCostTheRoundNothingButTime) {
  std::map<std::string, std::unique_ptr<NetworkNamespace>> networks;
  Fleet::Networks lent;
  int index = 0;
  for (const std::string site : {"lossy", "slow", "outages"}) {
    auto made = NetworkNamespace::Create(++index);
    if (!made.ok()) GTEST_SKIP() << "network namespaces: " << made.status().message();
    networks[site] = *std::move(made);
    lent[site] = networks[site].get();
  }
  MR_ASSERT_OK(networks["lossy"]->LosePackets(0.05));
  MR_ASSERT_OK(networks["slow"]->LimitRate(2000));

  Fleet fleet(MILLRACE_COORDINATOR, "", lent);
  ASSERT_TRUE(fleet.StartCoordinator());
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
      networks["outages"]->SetLink(false).IgnoreError();
      over.WaitForNotificationWithTimeout(absl::Milliseconds(700));
      networks["outages"]->SetLink(true).IgnoreError();
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

/// What starts `command` where `hosts` stands in for /etc/hosts.
std::vector<std::string> WithHosts(const std::string& hosts,
                                   const std::vector<std::string>& command) {
  return {
      "/usr/bin/unshare", "--mount", "/bin/sh", "-c",
      absl::StrCat("mount --bind ", hosts, " /etc/hosts && exec ", absl::StrJoin(command, " "))};
}

/// In place: a file that is mounted elsewhere must stay the same one.
void WriteInPlace(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

TEST(BadNetwork, CoordinatorThatMovesToAnotherAddressIsFoundByItsName) {
  Fleet fleet(MILLRACE_COORDINATOR);
  const std::string hosts = fleet.folder() + "/hosts";
  WriteInPlace(hosts, absl::StrCat("127.0.0.1 ", Fleet::kName, "\n"));
  Process trial(WithHosts(hosts, {"true"}), fleet.folder() + "/trial.log");
  if (trial.AwaitExit() != 0) GTEST_SKIP() << "mounts: not possible here: " << trial.Log();

  ASSERT_TRUE(fleet.StartCoordinator());
  const std::string config =
      fleet.WriteSite("press-7", "[data]\nkind = \"delimited\"\npath = \"rows.csv\"\n",
                      fleet.federation().Issue(Role::kSite, "press-7"));
  MR_ASSERT_OK_AND_ASSIGN(std::string text, ReadFile(PosixFileSystem(), config));
  text = absl::StrReplaceAll(text, {{"127.0.0.1", Fleet::kName}});
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), config, text));
  fleet.StartProcess({"press-7"}, WithHosts(hosts, {MILLRACE_CLIENT, "run", "--config", config}));
  ASSERT_TRUE(fleet.AwaitSites()) << fleet.Logs();

  fleet.coordinator().Kill();
  fleet.Move();
  WriteInPlace(hosts, absl::StrCat(Fleet::kSecondHome, " ", Fleet::kName, "\n"));
  ASSERT_TRUE(fleet.StartCoordinator());
  EXPECT_TRUE(Eventually([&] {
    const auto listed = fleet.as_operator().ListSites();
    return listed.ok() && listed->sites_size() == 1 &&
           listed->sites(0).report().activity() == v1::ACTIVITY_IDLE;  // said since the start
  })) << fleet.Logs();
}

}  // namespace
}  // namespace millrace
