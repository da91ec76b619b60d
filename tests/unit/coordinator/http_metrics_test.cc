// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "coordinator/http/metrics.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(MetricsTest, SaysWhatAScrapeFinds) {
  MetricsReading reading;
  reading.runs = {testing::NewRun(), testing::NewRun()};
  testing::MustApply(reading.runs[0],
                     testing::Opening(reading.runs[0], {"a", "b"}, testing::kStart));
  reading.runs[1].held_up = "waits for sites";
  reading.sites_present = 7;
  reading.storage = {false, "full", 4096, 3};
  EXPECT_THAT(
      Metrics().Text(reading),
      AllOf(HasSubstr("millrace_runs{phase=\"running\"} 2"),
            HasSubstr("millrace_runs{phase=\"failed\"} 0"), HasSubstr("millrace_runs_held_up 1"),
            HasSubstr("millrace_rounds_open 1"), HasSubstr("millrace_events 3"),
            HasSubstr("millrace_sites_present 7"), HasSubstr("millrace_storage_writable 0"),
            HasSubstr("millrace_storage_free_bytes 4096"), HasSubstr("millrace_storage_faults 3"),
            HasSubstr("process_resident_memory_bytes ")));
}

TEST(MetricsTest, RunThatWaitsForDriftIsNotHeldUp) {
  testing::TinyPlan plan;
  plan.cohort += "[start]\non_drift_share = 0.5\n";
  MetricsReading reading{.runs = {testing::NewRun(plan), testing::NewRun()}};
  reading.runs[0].held_up = "waits for drift";
  EXPECT_THAT(Metrics().Text(reading), AllOf(HasSubstr("millrace_runs_held_up 0"),
                                             HasSubstr("millrace_runs_waiting_for_drift 1")));
  reading.runs[0].held_up = "event not recorded, trying again: the disk is full";
  reading.runs[0].faulty = true;
  EXPECT_THAT(Metrics().Text(reading), AllOf(HasSubstr("millrace_runs_held_up 1"),
                                             HasSubstr("millrace_runs_waiting_for_drift 0")))
      << "it waits for the disk";
}

TEST(MetricsTest, ForgetsTheModelsThatNoSiteNamesAnyMore) {
  Metrics metrics;
  MetricsReading reading;
  reading.sites_in_drift = {{"pumps", 2}, {"fans", 0}};
  EXPECT_THAT(metrics.Text(reading), AllOf(HasSubstr("millrace_sites_in_drift{model=\"pumps\"} 2"),
                                           HasSubstr("millrace_sites_in_drift{model=\"fans\"} 0")));
  reading.sites_in_drift = {{"pumps", 3}};
  EXPECT_THAT(metrics.Text(reading), AllOf(HasSubstr("millrace_sites_in_drift{model=\"pumps\"} 3"),
                                           ::testing::Not(HasSubstr("fans"))));
}

TEST(MetricsTest, CountsWhatItHears) {
  Metrics metrics;
  metrics.UpdateEnded(absl::OkStatus(), 100);
  metrics.UpdateEnded(absl::OkStatus(), 50);
  metrics.UpdateEnded(absl::ResourceExhaustedError("full"), 70);
  metrics.UpdateEnded(absl::ResourceExhaustedError("full again"), 70);
  metrics.Downloaded(1000);
  metrics.RoundEnded(/*committed=*/true, absl::Seconds(7));
  metrics.RoundEnded(/*committed=*/false, absl::Seconds(70));
  metrics.Aggregated(absl::Milliseconds(20));
  EXPECT_THAT(metrics.Text({}),
              AllOf(HasSubstr("millrace_updates_accepted_total 2"),
                    HasSubstr("millrace_updates_refused_total{code=\"resource_exhausted\"} 2"),
                    HasSubstr("millrace_update_bytes_total 150"),
                    HasSubstr("millrace_model_bytes_total 1000"),
                    HasSubstr("millrace_round_seconds_bucket{end=\"committed\",le=\"10\"} 1"),
                    HasSubstr("millrace_round_seconds_sum{end=\"abandoned\"} 70"),
                    HasSubstr("millrace_aggregation_seconds_bucket{le=\"0.03\"} 1")));
}

}  // namespace
}  // namespace millrace
