// SPDX-License-Identifier: Apache-2.0
// Real processes, real training: simulated plants, one daemon each, and a coordinator.
#include <gmock/gmock.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "models/package.h"
#include "scripts/plant_simulator/plant_set.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::Fleet;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;
using testing::Process;
using testing::TestFederation;

constexpr int kExitConfig = 2;

/// Remaining life from two channels, by a model of a few weights; seconds of work in all.
std::string LifePlan(int rounds, const std::string& cohort, const std::string& secure = "off") {
  return absl::StrCat("secure_aggregation = \"", secure,
                      "\"\n[run]\nname = \"life\"\nrounds = ", rounds, "\n[cohort]\n", cohort,
                      "[model]\nkind = \"mlp\"\nhidden = [4]\n"
                      "[input]\nchannels = [\"vib_rms\", \"bearing_temp\"]\n"
                      "units = [\"g\", \"°C\"]\nwindow = 5\n"
                      "stride = 5\n"
                      "[label]\nkind = \"run_to_failure\"\ncap = 50\n"
                      "[split]\nvalidation = 0.3\n"
                      "[training]\nlearning_rate = 0.01\nmax_steps = 20\n");
}

/// [data] of each simulated plant, whose files lie in `folder`.
std::map<std::string, std::string> SimulatePlants(const std::string& folder, int plants) {
  PlantSetOptions options;
  options.out = folder + "/data";
  options.plants = plants;
  options.machines = 4;
  EXPECT_THAT(WriteLifeSet(options, PosixFileSystem()), testing::IsOk());
  std::map<std::string, std::string> tables;
  const auto names = PosixFileSystem()->List(options.out);
  EXPECT_THAT(names, testing::IsOk());
  for (const std::string& file : names.value_or(std::vector<std::string>())) {
    if (file.rfind("train_", 0) != 0) continue;
    const std::string name = file.substr(6, file.rfind('.') - 6);
    tables[name] = absl::StrCat("[data]\nkind = \"delimited\"\npath = \"data/", file,
                                "\"\nunit = \"unit\"\norder = \"cycle\"\n");
  }
  EXPECT_EQ(tables.size(), static_cast<size_t>(plants));
  return tables;
}

absl::StatusOr<ModelPackage> NewestModel(Fleet& fleet, const std::string& run) {
  std::string bytes;
  MR_RETURN_IF_ERROR(fleet.as_operator().ExportModel(run, -1, [&](absl::string_view chunk) {
    bytes.append(chunk.data(), chunk.size());
    return absl::OkStatus();
  }));
  return ParsePackage(bytes);
}

TEST(Federation, FourPlantsTrainOneModelToTheEnd) {
  Fleet fleet(MILLRACE_COORDINATOR);
  ASSERT_TRUE(fleet.StartCoordinator());
  for (const auto& [name, data] : SimulatePlants(fleet.folder(), 4)) {
    fleet.StartSite(MILLRACE_CLIENT, name, data);
  }
  ASSERT_TRUE(fleet.AwaitSites()) << fleet.Logs();
  MR_ASSERT_OK(fleet.as_operator().StartRun(LifePlan(2, "target = 4\nminimum = 4\n")));
  const v1::Run run = fleet.AwaitEnd("life-1");
  ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet.Logs();
  ASSERT_EQ(run.history_size(), 4) << "statistics, two rounds of training, evaluation";
  for (const v1::Round& round : run.history()) {
    EXPECT_EQ(round.phase(), v1::ROUND_PHASE_COMMITTED);
    EXPECT_EQ(round.received_size(), 4);
    EXPECT_TRUE(round.failures().empty());
    EXPECT_GT(round.bytes_up(), 0);
  }
  EXPECT_GT(run.history(3).metrics().at("rmse"), 0);
  EXPECT_LT(run.history(3).metrics().at("rmse"), 50) << "labels lie in 0 .. 50";

  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage package, NewestModel(fleet, "life-1"));
  EXPECT_EQ(package.manifest.version(), 2);
  ASSERT_TRUE(package.scaling);
  EXPECT_EQ(package.scaling->channels, 2);
  EXPECT_EQ(package.plan.input.units.back(), "°C");
  MR_ASSERT_OK_AND_ASSIGN(const v1::Model model, fleet.as_operator().GetModel("life-1", -1));
  ASSERT_EQ(model.input().channels_size(), 2);
  EXPECT_EQ(model.input().channels(1).unit(), "°C");
}

TEST(Federation, ScalingThatPlantsAgreeOnUnderMasksIsTheOneInTheClear) {
  Fleet fleet(MILLRACE_COORDINATOR);
  ASSERT_TRUE(fleet.StartCoordinator());
  for (const auto& [name, data] : SimulatePlants(fleet.folder(), 4)) {
    fleet.StartSite(MILLRACE_CLIENT, name, data);
  }
  ASSERT_TRUE(fleet.AwaitSites()) << fleet.Logs();
  std::vector<Scaling> scalings;
  for (const std::string secure : {"honest_but_curious", "off"}) {
    MR_ASSERT_OK_AND_ASSIGN(const v1::Run started, fleet.as_operator().StartRun(LifePlan(
                                                       1, "target = 4\nminimum = 4\n", secure)));
    const v1::Run run = fleet.AwaitEnd(started.id());
    ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << secure << run.note() << fleet.Logs();
    ASSERT_EQ(run.history_size(), 3) << "statistics, one round of training, evaluation";
    for (const v1::Round& round : run.history()) EXPECT_EQ(round.received_size(), 4) << secure;
    MR_ASSERT_OK_AND_ASSIGN(const ModelPackage package, NewestModel(fleet, started.id()));
    ASSERT_TRUE(package.scaling) << secure;
    scalings.push_back(*package.scaling);
  }
  EXPECT_GT(scalings[0].overall.count, 0);
  EXPECT_EQ(scalings[0].overall.mean, scalings[1].overall.mean) << "bit for bit";
  EXPECT_EQ(scalings[0].overall.deviation, scalings[1].overall.deviation);
  EXPECT_EQ(scalings[0].overall.count, scalings[1].overall.count);
}

TEST(Federation, SiteWhoseFileLacksAColumnSaysSoAndTheOthersGoOn) {
  Fleet fleet(MILLRACE_COORDINATOR);
  ASSERT_TRUE(fleet.StartCoordinator());
  for (const auto& [name, data] : SimulatePlants(fleet.folder(), 2)) {
    fleet.StartSite(MILLRACE_CLIENT, name, data);
  }
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), fleet.folder() + "/broken.csv",
                                "unit,cycle,vib_rms\n1,1,0.5\n"));
  fleet.StartSite(MILLRACE_CLIENT, "broken",
                  "[data]\nkind = \"delimited\"\npath = \"broken.csv\"\nunit = \"unit\"\n");
  ASSERT_TRUE(fleet.AwaitSites()) << fleet.Logs();
  MR_ASSERT_OK(fleet.as_operator().StartRun(LifePlan(1, "target = 3\nminimum = 2\nwait_s = 0\n")));
  const v1::Run run = fleet.AwaitEnd("life-1");
  ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet.Logs();
  ASSERT_TRUE(run.history(0).failures().contains("broken")) << fleet.Logs();
  EXPECT_THAT(run.history(0).failures().at("broken"),
              AllOf(HasSubstr("bearing_temp"), Not(HasSubstr("broken.csv"))));
}

// Daemons that cannot start.

class SiteThatCannotStart : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(fleet_.StartCoordinator()); }

  std::string LogOf(const KeyAndCertificate& identity, const std::string& data) {
    const std::string config = fleet_.WriteSite("press-7", data, identity);
    Process site({MILLRACE_CLIENT, "run", "--config", config}, fleet_.folder() + "/press-7.log");
    EXPECT_THAT(site.AwaitExit(), Optional(kExitConfig));
    return site.Log();
  }

  Fleet fleet_{MILLRACE_COORDINATOR};
  const std::string data_ = "[data]\nkind = \"delimited\"\npath = \"press.csv\"\n";
};

TEST_F(SiteThatCannotStart, NamesItsCertificateOfAnotherAuthority) {
  EXPECT_THAT(LogOf(TestFederation().Issue(Role::kSite, "press-7"), data_),
              AllOf(HasSubstr("press-7.crt"), HasSubstr("signed by another authority")));
}

TEST_F(SiteThatCannotStart, NamesItsExpiredCertificate) {
  const absl::Time now = absl::Now();
  EXPECT_THAT(LogOf(fleet_.federation().Issue(Role::kSite, "press-7", now - absl::Hours(3),
                                              now - absl::Hours(2)),
                    data_),
              AllOf(HasSubstr("press-7.crt"), HasSubstr("expired on")));
}

TEST_F(SiteThatCannotStart, NamesACertificateThatIsNoSites) {
  EXPECT_THAT(LogOf(fleet_.federation().Issue(Role::kOperator, "ann"), data_),
              AllOf(HasSubstr("press-7.crt"), HasSubstr("operator ann")));
}

TEST_F(SiteThatCannotStart, NamesTheUnknownKeyOfItsFile) {
  EXPECT_THAT(LogOf(fleet_.federation().Issue(Role::kSite, "press-7"), data_ + "untis = \"u\"\n"),
              AllOf(HasSubstr("press-7.toml"), HasSubstr("untis")));
}

}  // namespace
}  // namespace millrace
