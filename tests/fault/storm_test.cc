// SPDX-License-Identifier: Apache-2.0
// A run of twenty rounds while a seeded killer sends SIGKILL to the coordinator and to the sites at
// random moments: it ends with the bits of a run that nobody disturbed.
//
// The seed is printed; MILLRACE_STORM_SEED replays a storm (its moments are the machine's all the
// same), MILLRACE_STORM_KILLS makes a longer one: scripts/storm --seed N --kills N.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "models/package.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::Fleet;

constexpr int kSites = 5;
constexpr int kKills = 100;
constexpr int kRounds = 20;

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  int64_t value = otherwise;
  const char* const text = std::getenv(name);
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

std::string SiteName(int index) { return absl::StrCat("site-", index); }

/// Every round waits for all five, so that nothing but the updates themselves decides the model.
std::string PlanText(int64_t rounds) {
  return absl::StrCat("secure_aggregation = \"off\"\n[run]\nname = \"storm\"\nrounds = ", rounds,
                      "\nseed = 5\n[cohort]\ntarget = ", kSites, "\nminimum = ", kSites,
                      "\nwait_s = 600\ndeadline_s = 300\nbackoff_s = 1\nattempts = 100\n"
                      "[model]\nkind = \"mlp\"\nhidden = [8]\n"
                      "[input]\nchannels = [\"heat\", \"flow\"]\n"
                      "[label]\nkind = \"column\"\ncolumn = \"wear\"\n"
                      "[training]\nlearning_rate = 0.01\n"
                      "[server]\noptimizer = \"fedadam\"\nlearning_rate = 0.02\n");
}

/// Each site's own rows, of which the label is nearly the sum.
void WriteData(const std::string& path, uint64_t seed) {
  Random random(seed);
  std::string text = "heat,flow,wear\n";
  for (int row = 0; row < 300; ++row) {
    const double heat = random.Normal();
    const double flow = random.Normal();
    absl::StrAppend(&text, heat, ",", flow, ",", heat + flow + 0.1 * random.Normal(), "\n");
  }
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), path, text));
}

class Storm : public ::testing::Test {
 protected:
  void StartSite(Fleet& fleet, int index) {
    fleet.StartSite(
        MILLRACE_CLIENT, SiteName(index),
        absl::StrCat("[data]\nkind = \"delimited\"\npath = \"rows-", index, ".csv\"\n"));
  }

  /// A coordinator and its sites, with the run started.
  void Start(Fleet& fleet) {
    ASSERT_TRUE(fleet.StartCoordinator());
    for (int i = 0; i < kSites; ++i) {
      WriteData(absl::StrCat(fleet.folder(), "/rows-", i, ".csv"), 100 + i);
      StartSite(fleet, i);
    }
    MR_ASSERT_OK(fleet.as_operator().StartRun(PlanText(rounds_)));
  }

  /// Kills until `kills_` are done or the run has ended; returns how many it were. Without a pause
  /// while the run is ahead of its share of them, so that a fast machine is not done before.
  int64_t Rage(Fleet& fleet, Random& random) {
    int64_t kills = 0;
    while (kills < kills_) {
      const v1::Run run = fleet.GetRun("storm-1");
      if (run.phase() != v1::RUN_PHASE_RUNNING) break;
      const auto pause = absl::Milliseconds(random.Below(400));
      if (kills * rounds_ >= run.version() * kills_) absl::SleepFor(pause);
      const int victim = static_cast<int>(random.Below(kSites + 2));
      if (victim < kSites) {
        fleet.site(SiteName(victim)).Kill();
        StartSite(fleet, victim);
      } else {
        fleet.coordinator().Kill();
        if (!fleet.StartCoordinator()) break;
      }
      ++kills;
    }
    return kills;
  }

  /// The parameters of the last round.
  std::vector<float> ModelOf(Fleet& fleet) {
    std::string bytes;
    const absl::Status exported =
        fleet.as_operator().ExportModel("storm-1", rounds_, [&](absl::string_view chunk) {
          bytes.append(chunk.data(), chunk.size());
          return absl::OkStatus();
        });
    const absl::StatusOr<ModelPackage> package = ParsePackage(bytes);
    EXPECT_TRUE(exported.ok() && package.ok()) << exported << package.status();
    return package.ok() ? package->parameters : std::vector<float>();
  }

  /// Every update that a site was told is in is in its round, once.
  void ExpectAcknowledgedUpdatesIn(const v1::Run& run, Fleet& fleet) {
    std::map<std::string, std::multiset<std::string>> received;  // sites by round
    for (const v1::Round& round : run.history()) {
      const std::string id =
          absl::StrCat(run.id(), " round ", round.round(), " attempt ", round.attempt());
      received[id].insert(round.received().begin(), round.received().end());
      if (round.phase() != v1::ROUND_PHASE_COMMITTED) continue;
      EXPECT_EQ(received[id].size(), kSites) << id;
    }
    int acknowledged = 0;
    for (int i = 0; i < kSites; ++i) {
      for (const absl::string_view line : absl::StrSplit(fleet.site(SiteName(i)).Log(), '\n')) {
        if (!absl::StrContains(line, "update accepted")) continue;
        ++acknowledged;
        const auto round = std::ranges::find_if(received, [&](const auto& entry) {
          return absl::StrContains(line, absl::StrCat("\"", entry.first, "\""));
        });
        ASSERT_NE(round, received.end()) << line;
        EXPECT_EQ(round->second.count(SiteName(i)), 1) << line;
      }
    }
    EXPECT_GT(acknowledged, 0);
  }

  const int64_t kills_ = FromEnvironment("MILLRACE_STORM_KILLS", kKills);
  const int64_t rounds_ = kRounds * std::max<int64_t>(1, kills_ / kKills);
};

TEST_F(Storm, RunThatIsKilledAgainAndAgainEndsWithTheBitsOfOneThatIsNot) {
  const int64_t seed = FromEnvironment("MILLRACE_STORM_SEED", 20261121);
  // Always, and before anything can go wrong.
  std::puts(absl::StrCat("again: scripts/storm --seed ", seed, " --kills ", kills_).c_str());
  std::fflush(stdout);
  const absl::Duration patience = absl::Minutes(4) * (rounds_ / kRounds);
  std::vector<float> undisturbed;
  {
    Fleet fleet(MILLRACE_COORDINATOR);
    Start(fleet);
    ASSERT_EQ(fleet.AwaitEnd("storm-1", patience).phase(), v1::RUN_PHASE_FINISHED) << fleet.Logs();
    undisturbed = ModelOf(fleet);
  }
  Fleet fleet(MILLRACE_COORDINATOR);
  Start(fleet);
  Random random(static_cast<uint64_t>(seed));
  const int64_t kills = Rage(fleet, random);
  const v1::Run run = fleet.AwaitEnd("storm-1", patience);
  std::printf("%d kills, %d attempts at %d rounds\n", static_cast<int>(kills), run.history_size(),
              static_cast<int>(rounds_));
  ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet.Logs();
  EXPECT_GE(kills, kills_) << "the run was over before";
  EXPECT_EQ(ModelOf(fleet), undisturbed);
  ExpectAcknowledgedUpdatesIn(run, fleet);
}

}  // namespace
}  // namespace millrace
