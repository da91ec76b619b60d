// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <limits>

#include "coordinator/cli/format_model.h"
#include "coordinator/cli/format_run.h"
#include "coordinator/cli/format_site.h"
#include "models/model_input.h"
#include "tests/unit/coordinator/cli_runs.h"

namespace millrace {
namespace {

using testing::CommittedRound;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::kOpenedMs;
using testing::MakeRound;
using testing::MakeRun;
using ::testing::Not;

const absl::Time kOpened = absl::FromUnixMillis(kOpenedMs);

TEST(CliRunText, ARoundIsOneLine) {
  EXPECT_EQ(RoundEndedText(MakeRun(v1::RUN_PHASE_RUNNING), CommittedRound(7)),
            "round  7/30  4 sites  loss 0.0123  rmse 14.2  3.1 s");
}

TEST(CliRunText, TheLossOfAnEvaluationIsNotTakenForTheTrainingLoss) {
  v1::Round round = CommittedRound(31);
  round.set_task(v1::TASK_KIND_EVALUATION);
  round.mutable_metrics()->erase("train_loss");
  EXPECT_EQ(RoundEndedText(MakeRun(v1::RUN_PHASE_RUNNING), round),
            "evaluation   4 sites  rmse 14.2  3.1 s");
}

TEST(CliRunText, TheStatisticsRoundIsCalledScaling) {
  v1::Round round = MakeRound(0, v1::TASK_KIND_STATISTICS, v1::ROUND_PHASE_COMMITTED);
  round.add_received("press-1");
  round.set_ended_ms(kOpenedMs + 2000);
  EXPECT_EQ(RoundEndedText(MakeRun(v1::RUN_PHASE_RUNNING), round), "scaling      1 site  2.0 s");
}

TEST(CliRunText, AnAbandonedAttemptSaysWhyWithoutRepeatingTheSites) {
  v1::Round round = MakeRound(7, v1::TASK_KIND_TRAINING, v1::ROUND_PHASE_ABANDONED);
  round.set_ended_ms(kOpenedMs + 600'000);
  (*round.mutable_failures())["press-2"] = "out of memory; killed";
  round.set_note("deadline: 1 of at least 2 updates; site press-2: out of memory; killed");
  EXPECT_EQ(RoundEndedText(MakeRun(v1::RUN_PHASE_RUNNING), round),
            "round  7/30  attempt 1 given up after 10 min: deadline: 1 of at least 2 updates");
}

TEST(CliRunText, ASitesReasonCannotDriveTheTerminal) {
  const v1::Round round = MakeRound(7, v1::TASK_KIND_TRAINING, v1::ROUND_PHASE_OPEN);
  EXPECT_EQ(SiteFailureText(MakeRun(v1::RUN_PHASE_RUNNING), {round, "press-7", "\x1b[2Jbad\nrow"}),
            "round  7/30  site press-7 failed: \\x1b[2Jbad row");
}

TEST(CliRunText, TheEndHasReasonVersionAndTime) {
  v1::Run run = MakeRun(v1::RUN_PHASE_FINISHED);
  run.set_note("all rounds done");
  EXPECT_EQ(RunEndedText(run), "run turbofan-1 finished: all rounds done (version 7, 5 min 3 s)");
}

TEST(CliRunText, ARunIsShownWithItsAttemptsAndTheirFailures) {
  v1::Run run = MakeRun(v1::RUN_PHASE_RUNNING);
  v1::Round round = CommittedRound(1);
  round.set_bytes_up(1'000'000);
  (*round.mutable_failures())["press-5"] = "no data";
  *run.add_history() = round;
  round.set_round(2);
  *run.add_history() = round;
  const std::string text = RunText(run, kOpened + absl::Seconds(10), absl::UTCTimeZone());
  EXPECT_THAT(text, HasSubstr("started   2026-01-01 00:00:00\n"));
  EXPECT_THAT(text, HasSubstr("took      10.0 s\n"));
  EXPECT_THAT(text, HasSubstr("transfer  2.00 MB up, 0 B down\n"));
  EXPECT_THAT(text, HasSubstr("round  2/30    1  committed    4/4       1  0.0123  rmse 14.2"));
  EXPECT_THAT(text, HasSubstr("round  2/30    1  press-5  no data\n"));
}

TEST(CliRunText, NoRunsSaysHowToStartOne) {
  EXPECT_THAT(RunsText({}, kOpened, absl::UTCTimeZone()), HasSubstr("millrace run start"));
}

TEST(CliLiveText, ShowsTheShareThatIsInAndTheTimeLeft) {
  v1::Run run = MakeRun(v1::RUN_PHASE_RUNNING);
  *run.add_history() = MakeRound(7, v1::TASK_KIND_TRAINING, v1::ROUND_PHASE_OPEN);
  run.mutable_history(0)->add_received("press-1");
  EXPECT_EQ(LiveText(run, absl::Seconds(600), kOpened + absl::Seconds(88), 100),
            "round  7/30  [######..................] 1/4 sites  512 s to the deadline");
}

TEST(CliLiveText, StaysInBoundsWhenMoreSitesSendThanTheTargetAfterTheDeadline) {
  v1::Run run = MakeRun(v1::RUN_PHASE_RUNNING);
  v1::Round round = CommittedRound(7);
  round.set_phase(v1::ROUND_PHASE_OPEN);
  round.set_target(3);
  *run.add_history() = round;
  EXPECT_EQ(LiveText(run, absl::Seconds(1), kOpened + absl::Hours(1), 100),
            "round  7/30  [########################] 4/3 sites  0 s to the deadline");
}

TEST(CliLiveText, NeverIsWiderThanTheTerminal) {
  v1::Run run = MakeRun(v1::RUN_PHASE_RUNNING);
  *run.add_history() = MakeRound(7, v1::TASK_KIND_TRAINING, v1::ROUND_PHASE_OPEN);
  EXPECT_EQ(LiveText(run, absl::Seconds(600), kOpened, 20), "round  7/30  [......");
}

TEST(CliLiveText, BetweenRoundsSaysWhatTheRunWaitsFor) {
  v1::Run run = MakeRun(v1::RUN_PHASE_RUNNING);
  *run.add_history() = CommittedRound(7);
  run.set_note("2 of 3 sites there");
  EXPECT_EQ(LiveText(run, absl::Seconds(600), kOpened, 100),
            "waiting to open the next round: 2 of 3 sites there");
}

TEST(CliRunJson, HasEveryFieldWithNullForWhatHasNotCome) {
  v1::Round round = CommittedRound(7);
  EXPECT_EQ(RoundJson(round)["seconds"], 3.1);
  EXPECT_EQ(RoundJson(round)["metrics"]["rmse"], 14.2);
  round.set_ended_ms(0);
  EXPECT_TRUE(RoundJson(round)["ended"].is_null());
  EXPECT_TRUE(RoundJson(round)["seconds"].is_null());
  EXPECT_EQ(RoundJson(round)["opened"], "2026-01-01T00:00:00.000Z");
  v1::Run run = MakeRun(v1::RUN_PHASE_RUNNING);
  run.set_plan("[run]");
  *run.add_history() = round;
  EXPECT_EQ(RunJson(run)["plan"], "[run]");
  EXPECT_EQ(RunJson(run)["history"].size(), 1u);
  EXPECT_FALSE(RunSummaryJson(run).contains("history"));
}

TEST(CliRunJson, IsValidWhateverTheCoordinatorSends) {
  v1::Run run = MakeRun(v1::RUN_PHASE_RUNNING);
  run.set_note("\xff\xfe not UTF-8");
  v1::Round round = CommittedRound(7);
  (*round.mutable_metrics())["rmse"] = std::numeric_limits<double>::quiet_NaN();
  *run.add_history() = round;
  const Json read = Json::parse(JsonLine(RunJson(run)));
  EXPECT_THAT(read["note"].get<std::string>(), EndsWith(" not UTF-8"));
  EXPECT_TRUE(read["history"][0]["metrics"]["rmse"].is_null());
}

TEST(CliJsonError, NamesTheCode) {
  EXPECT_EQ(JsonLine(JsonError(absl::NotFoundError("run x: there is no such run"))),
            R"({"error":{"code":"NOT_FOUND","message":"run x: there is no such run"}})");
}

v1::Site WorkingSite() {
  v1::Site site;
  site.set_name("press-7");
  site.set_connected(true);
  site.set_last_seen_ms(kOpenedMs);
  site.set_updates(1234);
  v1::ReportRequest& report = *site.mutable_report();
  report.mutable_round()->set_run("turbofan-1");
  report.mutable_round()->set_round(7);
  report.set_activity(v1::ACTIVITY_WORKING);
  report.set_epoch(2);
  report.set_step(120);
  report.set_loss(0.01234);
  return site;
}

TEST(CliSiteText, ShowsWhatAConnectedSiteIsDoing) {
  v1::ListSitesResponse sites;
  *sites.add_sites() = WorkingSite();
  EXPECT_THAT(SitesText(sites, kOpened + absl::Seconds(3)),
              HasSubstr("press-7  connected    1,234  3.0 s ago  -        -       -      working: "
                        "turbofan-1 round "
                        "7, epoch 2, step 120, loss 0.0123\n"));
}

TEST(CliSiteText, ShowsTheDigestThatASiteServes) {
  v1::ListSitesResponse sites;
  *sites.add_sites() = WorkingSite();
  v1::ServedModel& model = *sites.mutable_sites(0)->add_serving();
  model.set_name("pumps");
  model.set_version(3);
  model.set_parameters_sha256(std::string(32, '\xab'));
  EXPECT_THAT(SitesText(sites, kOpened), HasSubstr("pumps 3 (abababababab)"));
  EXPECT_EQ(SitesJson(sites)["sites"][0]["serving"][0]["model"], "pumps");
  model.set_expired(true);
  EXPECT_THAT(SitesText(sites, kOpened), HasSubstr("pumps 3 (abababababab, expired)"));
}

TEST(CliSiteText, ShowsHowMuchOfASiteDrifts) {
  v1::ListSitesResponse sites;
  *sites.add_sites() = WorkingSite();
  EXPECT_TRUE(SitesJson(sites)["sites"][0]["drift"].empty());
  v1::ModelDrift& drift = *sites.mutable_sites(0)->add_drift();
  drift.set_name("pumps");
  drift.set_parameters_sha256(std::string(32, '\xab'));
  drift.set_channels_watched(1200);
  EXPECT_THAT(SitesText(sites, kOpened), HasSubstr("  none  "));
  drift.set_channels_in_drift(2);
  drift.set_lasts_s(7200);
  EXPECT_THAT(SitesText(sites, kOpened), HasSubstr("pumps 2 of 1,200 channels for 2 h"));
  drift.set_score_in_drift(true);
  drift.set_level(1.5);
  EXPECT_THAT(SitesText(sites, kOpened),
              HasSubstr("pumps 2 of 1,200 channels and the score for 2 h"));
  const Json json = SitesJson(sites)["sites"][0]["drift"][0];
  EXPECT_EQ(json["model"], "pumps");
  EXPECT_EQ(json["channels_in_drift"], 2);
  EXPECT_EQ(json["score_in_drift"], true);
  EXPECT_EQ(json["level"], 1.5);
  EXPECT_EQ(json["lasts_s"], 7200);
}

TEST(CliSiteText, SiteThatTakesNoWorkSaysWhy) {
  v1::ListSitesResponse sites;
  *sites.add_sites() = WorkingSite();
  sites.mutable_sites(0)->set_objection("paused at the site: new bearings");
  const std::string text = SitesText(sites, kOpened);
  EXPECT_THAT(text, HasSubstr("paused at the site: new bearings"));
  EXPECT_THAT(text, Not(HasSubstr("working")));
}

TEST(CliSiteText, TheLastReportOfASiteThatIsAwayIsNotItsActivity) {
  v1::ListSitesResponse sites;
  *sites.add_sites() = WorkingSite();
  sites.mutable_sites(0)->set_connected(false);
  const std::string text = SitesText(sites, kOpened);
  EXPECT_THAT(text, HasSubstr("press-7  away"));
  EXPECT_THAT(text, Not(HasSubstr("working")));
}

TEST(CliModelText, ListsADigestThatCanBeTold) {
  v1::ListModelsResponse models;
  v1::Model& model = *models.add_models();
  model.set_run("turbofan-1");
  model.set_version(7);
  model.set_parameters(12'345);
  model.set_parameters_sha256(std::string(32, '\xab'));
  model.set_created_ms(kOpenedMs);
  (*model.mutable_metrics())["rmse"] = 14.2;
  (*model.mutable_metrics())["mae"] = 10.1;
  const std::string text = ModelsText(models, absl::UTCTimeZone());
  EXPECT_THAT(text, HasSubstr("12,345"));
  EXPECT_THAT(text, HasSubstr("2026-01-01 00:00:00  abababababab  mae 10.1, rmse 14.2\n"));
  EXPECT_THAT(ModelText(model, absl::UTCTimeZone()), HasSubstr("12,345 (49.4 kB)"));
  EXPECT_EQ(ModelJson(model)["parameters_sha256"].get<std::string>().size(), 64u);
}

TEST(CliModelText, VersionThatIsGoneIsToldFromAnEmptyOne) {
  v1::ListModelsResponse models;
  v1::Model& model = *models.add_models();
  model.set_run("turbofan-1");
  EXPECT_THAT(ModelsText(models, absl::UTCTimeZone()), HasSubstr("not kept"));
  EXPECT_THAT(ModelText(model, absl::UTCTimeZone()), HasSubstr("not kept"));
  EXPECT_EQ(ModelJson(model)["kept"], false);
}

/// A model with a unit that is said, one that is not, and a mode.
v1::ModelInput InputOfAPump() {
  Plan plan;
  plan.input.channels = {"current", "flow"};
  plan.input.units = {"A", ""};
  plan.input.modes = {{.column = "speed", .step = 1, .min = 0, .max = 9, .unit = "rpm"},
                      {.column = "current", .step = 1, .min = 0, .max = 9, .unit = "A"}};
  plan.input.rate_hz = 12'000;
  return ModelInputOf(plan.input);
}

TEST(CliModelText, SaysTheRateAndTheUnitsOfWhatTheModelIsFed) {
  v1::Model model;
  model.set_run("pumps-1");
  const std::string unsaid = ModelText(model, absl::UTCTimeZone());
  EXPECT_THAT(unsaid, Not(HasSubstr("rate")));
  EXPECT_FALSE(ModelJson(model).contains("rate_hz"));
  *model.mutable_input() = InputOfAPump();
  const std::string text = ModelText(model, absl::UTCTimeZone());
  EXPECT_THAT(text, HasSubstr("rate        12000 Hz\n"));
  EXPECT_THAT(text, HasSubstr("units       current in A, speed in rpm\n"));
  const Json json = ModelJson(model);
  EXPECT_EQ(json["rate_hz"], 12'000);
  EXPECT_EQ(json["channels"], Json({"current", "flow"}));
  EXPECT_EQ(json["units"].dump(), R"({"current":"A","speed":"rpm"})");
  model.mutable_input()->set_rate_hz(0);
  EXPECT_TRUE(ModelJson(model)["rate_hz"].is_null());
}

TEST(CliModelText, PackageShowsTheRateAndTheUnitsOfItsPlan) {
  ModelPackage package;
  package.plan.input.channels = {"current", "flow"};
  package.plan.input.window = 30;
  EXPECT_THAT(PackageText(package, absl::UTCTimeZone()),
              HasSubstr("2 channels x 30 steps, normalized"));
  package.plan.input.units = {"A", "l/min"};
  package.plan.input.rate_hz = 0.5;
  const std::string text = PackageText(package, absl::UTCTimeZone());
  EXPECT_THAT(text, HasSubstr("2 channels x 30 steps at 0.5 Hz, normalized"));
  EXPECT_THAT(text, HasSubstr("current in A, flow in l/min\n"));
  EXPECT_EQ(PackageJson(package)["rate_hz"], 0.5);
  EXPECT_EQ(PackageJson(package)["units"]["flow"], "l/min");
}

}  // namespace
}  // namespace millrace
