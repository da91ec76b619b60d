// SPDX-License-Identifier: Apache-2.0
// A coordinator that is killed while a round's updates come in: prints, as a JSON line per kill,
// seconds until it listens again and until the next update is acknowledged, and beside them what
// the same process takes to start on an empty folder.
//
//   bench_recovery [--coordinator PATH] [--sites N] [--window W --hidden H] [--kills K]

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/tiny_plan.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::Fleet;

double SecondsSince(absl::Time start) { return absl::ToDoubleSeconds(absl::Now() - start); }

/// How many updates of the round in progress are in; -1 once the run has ended.
int Received(Fleet& fleet) {
  const v1::Run run = fleet.GetRun("tiny-1");
  if (run.phase() != v1::RUN_PHASE_RUNNING) return -1;
  return run.history_size() == 0 ? 0 : run.history(run.history_size() - 1).received_size();
}

double SecondsToStartEmpty(const std::string& program) {
  Fleet fleet(program);
  const absl::Time start = absl::Now();
  MR_CHECK(fleet.StartCoordinator());
  return SecondsSince(start);
}

void Measure(const std::string& program, int sites, const testing::TinyPlan& plan) {
  const double empty = SecondsToStartEmpty(program);
  Fleet fleet(program);
  MR_CHECK(fleet.StartCoordinator());
  std::atomic<bool> done = false;
  std::vector<std::unique_ptr<Link>> links;
  std::vector<std::thread> threads;
  for (int i = 0; i < sites; ++i) {
    const std::string name = absl::StrCat("site-", i);
    links.push_back(
        std::make_unique<Link>(testing::SiteLink(fleet.federation(), name, fleet.port())));
    threads.emplace_back([&, name, link = links.back().get()] {
      while (!done) {
        // As a daemon does after its first failure.
        if (!testing::TakePart(*link, name).ok()) absl::SleepFor(absl::Milliseconds(250));
      }
    });
  }
  MR_CHECK(Eventually([&] {
    const auto listed = fleet.as_operator().ListSites();
    return listed.ok() && listed->sites_size() == sites;
  }));
  MR_CHECK(fleet.as_operator().StartRun(plan.Text()).ok());
  MR_CHECK(Eventually([&] { return Received(fleet) >= sites / 3; }));
  fleet.coordinator().Kill();
  const absl::Time killed = absl::Now();
  MR_CHECK(fleet.StartCoordinator());
  const double serving = SecondsSince(killed);
  const int kept = Received(fleet);
  MR_CHECK(Eventually([&] {
    const int received = Received(fleet);
    return received < 0 || received > kept;
  }));
  const double resumed = SecondsSince(killed);
  const v1::Run run = fleet.AwaitEnd("tiny-1");
  done = true;
  for (const auto& link : links) link->Shutdown();
  for (std::thread& thread : threads) thread.join();
  const nlohmann::json line = {{"sites", sites},
                               {"updates_kept", kept},
                               {"seconds_to_serve", serving},
                               {"seconds_to_resume", resumed},
                               {"seconds_to_start_empty", empty},
                               {"attempts", run.history(0).attempt()},
                               {"committed", run.history(0).phase() == v1::ROUND_PHASE_COMMITTED}};
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  CLI::App app("How soon a killed coordinator is back, with its round.");
  std::string coordinator =
      (std::filesystem::path(argv[0]).parent_path() / "millrace-coordinator").string();
  int sites = 50;
  int kills = 5;
  millrace::testing::TinyPlan plan;
  plan.window = 1000;
  plan.hidden = 1000;
  plan.rounds = 1;
  plan.normalization = "none";
  app.add_option("--coordinator", coordinator, "the program to measure");
  app.add_option("--sites", sites);
  app.add_option("--kills", kills, "each in a run of its own");
  app.add_option("--window", plan.window, "the model has about window x hidden parameters");
  app.add_option("--hidden", plan.hidden);
  CLI11_PARSE(app, argc, argv);
  plan.cohort = absl::StrCat("target = ", sites, "\nminimum = ", sites, "\nwait_s = 60\n");
  for (int i = 0; i < kills; ++i) millrace::Measure(coordinator, sites, plan);
}
