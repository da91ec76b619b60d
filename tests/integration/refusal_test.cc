// SPDX-License-Identifier: Apache-2.0
// Bad input to a real coordinator process: each refusal names the object and the reason, and the
// run goes on.
#include <gmock/gmock.h>

#include <cmath>

#include "base/memory_file_system.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_plan.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::Fleet;
using ::testing::HasSubstr;
using testing::HeaderOf;
using testing::HonestUpdate;
using testing::IsStatus;
using testing::LoopbackAddress;
using ::testing::Optional;
using ::testing::Pair;
using testing::Process;
using testing::SendBytes;
using testing::SiteLink;
using testing::SiteUpdate;
using testing::TakePart;
using testing::TestFederation;
using testing::TinyPlan;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr int kExitConfig = 2;
constexpr int kExitStart = 3;

v1::CheckInRequest Now() {
  v1::CheckInRequest request;
  request.set_version("test");
  return request;
}

TEST(UnknownSite, IsTurnedAwayByName) {
  Fleet fleet(MILLRACE_COORDINATOR, "[sites]\nallowed = [\"press-7\"]\n");
  ASSERT_TRUE(fleet.StartCoordinator());
  Link mallory(SiteLink(fleet.federation(), "mallory", fleet.port()));
  EXPECT_THAT(mallory.CheckIn(Now()),
              IsStatus(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("site mallory"), HasSubstr("[sites] allowed"))));
  Link known(SiteLink(fleet.federation(), "press-7", fleet.port()));
  MR_EXPECT_OK(known.CheckIn(Now()));
  EXPECT_EQ(fleet.as_operator().ListSites()->sites_size(), 1);
}

// gRPC itself refuses it, in the code of what passes: the site must know better than to try again.
TEST(MessageThatIsTooLong, IsRefusedForGoodByItsNameAndTheLimit) {
  Fleet fleet(MILLRACE_COORDINATOR);
  ASSERT_TRUE(fleet.StartCoordinator());
  Link site(SiteLink(fleet.federation(), "press-7", fleet.port()));
  EXPECT_THAT(site.ReportFailure(v1::RoundId(), std::string(3 << 20, 'x')),
              IsStatus(kInvalid, AllOf(HasSubstr("millrace.v1.ReportFailureRequest"),
                                       HasSubstr("too long"), HasSubstr("2097152"))));
  MR_EXPECT_OK(site.CheckIn(Now()));
}

class Certificates : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(fleet_.StartCoordinator()); }

  Fleet fleet_{MILLRACE_COORDINATOR};
};

TEST_F(Certificates, SiteOfAnotherAuthorityFailsTheHandshake) {
  const TestFederation other;  // of the same name
  LinkOptions options = SiteLink(other, "press-7", fleet_.port());
  options.authority_pem = fleet_.federation().authority_pem();
  EXPECT_THAT(
      Link(options).CheckIn(Now()),
      IsStatus(absl::StatusCode::kUnavailable, AllOf(HasSubstr(LoopbackAddress(fleet_.port())),
                                                     HasSubstr("another authority or expired"))));
  EXPECT_EQ(fleet_.as_operator().ListSites()->sites_size(), 0);
}

TEST_F(Certificates, SiteDoesNotTalkToACoordinatorOfAnotherAuthority) {
  const TestFederation other;
  EXPECT_THAT(
      Link(SiteLink(other, "press-7", fleet_.port())).CheckIn(Now()),
      IsStatus(absl::StatusCode::kUnavailable, AllOf(HasSubstr(LoopbackAddress(fleet_.port())),
                                                     HasSubstr("TLS handshake failed"))));
}

TEST_F(Certificates, ExpiredSiteFailsTheHandshake) {
  const absl::Time now = absl::Now();
  const KeyAndCertificate expired =
      fleet_.federation().Issue(Role::kSite, "press-7", now - absl::Hours(3), now - absl::Hours(2));
  LinkOptions options = SiteLink(fleet_.federation(), "press-7", fleet_.port());
  options.certificate_pem = expired.certificate_pem;
  options.key_pem = expired.key_pem;
  EXPECT_THAT(
      Link(options).CheckIn(Now()),
      IsStatus(absl::StatusCode::kUnavailable, AllOf(HasSubstr(LoopbackAddress(fleet_.port())),
                                                     HasSubstr("another authority or expired"))));
  EXPECT_EQ(fleet_.as_operator().ListSites()->sites_size(), 0);
}

TEST_F(Certificates, OperatorsCallsAreNotForSites) {
  const KeyAndCertificate site = fleet_.federation().Issue(Role::kSite, "press-7");
  ConnectionOptions options;
  options.address = LoopbackAddress(fleet_.port());
  options.authority_pem = fleet_.federation().authority_pem();
  options.certificate_pem = site.certificate_pem;
  options.key_pem = site.key_pem;
  EXPECT_THAT(NewConnection(options)->StartRun(TinyPlan().Text()),
              IsStatus(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("site press-7"), HasSubstr("operator"))));
}

TEST_F(Certificates, SitesCallsAreNotForOperators) {
  const KeyAndCertificate ann = fleet_.federation().Issue(Role::kOperator, "ann");
  LinkOptions options = SiteLink(fleet_.federation(), "press-7", fleet_.port());
  options.certificate_pem = ann.certificate_pem;
  options.key_pem = ann.key_pem;
  EXPECT_THAT(Link(options).CheckIn(Now()),
              IsStatus(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("operator ann"), HasSubstr("site"))));
}

// Coordinators that cannot start.

class CoordinatorThatCannotStart : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(fleet_.StartCoordinator()); }

  /// Starts another coordinator in the fleet's folder and waits for its end.
  Process& StartOther(const std::string& certificate, const std::string& more = "") {
    const std::string config = fleet_.folder() + "/other.toml";
    const std::string text = absl::StrCat(
        "[server]\nlisten = \"", LoopbackAddress(fleet_.port()), "\"\ncertificate = \"",
        certificate, ".crt\"\nkey = \"", certificate, ".key\"\nauthority = \"authority.crt\"\n",
        "[storage]\nfolder = \"other\"\n[log]\nformat = \"text\"\n", more);
    EXPECT_THAT(WriteFileDurably(PosixFileSystem(), config, text), testing::IsOk());
    other_.emplace(std::vector<std::string>{MILLRACE_COORDINATOR, "--config", config},
                   fleet_.folder() + "/other.log");
    return *other_;
  }
  void WriteIdentity(const KeyAndCertificate& identity) {
    fleet_.WriteSite("identity", "", identity);  // identity.crt, identity.key
  }

  Fleet fleet_{MILLRACE_COORDINATOR};
  std::optional<Process> other_;
};

TEST_F(CoordinatorThatCannotStart, NamesThePortInUse) {
  Process& other = StartOther("cloud");
  EXPECT_THAT(other.AwaitExit(), Optional(kExitStart));
  EXPECT_THAT(other.Log(),
              AllOf(HasSubstr(LoopbackAddress(fleet_.port())), HasSubstr("port in use")));
  Link link(SiteLink(fleet_.federation(), "press-7", fleet_.port()));
  MR_EXPECT_OK(link.CheckIn(Now())) << "the first one serves on";
}

TEST_F(CoordinatorThatCannotStart, NamesItsExpiredCertificate) {
  const absl::Time now = absl::Now();
  WriteIdentity(fleet_.federation().Issue(Role::kCoordinator, "cloud", now - absl::Hours(3),
                                          now - absl::Hours(2)));
  Process& other = StartOther("identity");
  EXPECT_THAT(other.AwaitExit(), Optional(kExitStart));
  EXPECT_THAT(other.Log(), AllOf(HasSubstr("identity.crt"), HasSubstr("expired on")));
}

TEST_F(CoordinatorThatCannotStart, NamesACertificateOfAnotherAuthority) {
  WriteIdentity(TestFederation().Issue(Role::kCoordinator, "cloud"));
  Process& other = StartOther("identity");
  EXPECT_THAT(other.AwaitExit(), Optional(kExitStart));
  EXPECT_THAT(other.Log(),
              AllOf(HasSubstr("identity.crt"), HasSubstr("signed by another authority")));
}

TEST_F(CoordinatorThatCannotStart, NamesTheUnknownKeyOfItsFile) {
  Process& other = StartOther("cloud", "[storge]\nfolder = \"x\"\n");
  EXPECT_THAT(other.AwaitExit(), Optional(kExitConfig));
  EXPECT_THAT(other.Log(), AllOf(HasSubstr("other.toml"), HasSubstr("storge")));
}

TEST_F(CoordinatorThatCannotStart, NamesAFileThatIsMissing) {
  Process& other = StartOther("absent");
  EXPECT_THAT(other.AwaitExit(), Optional(kExitStart));
  EXPECT_THAT(other.Log(), HasSubstr("absent.crt"));
}

// Plans that cannot work.

struct BadPlan {
  std::string name;
  std::string server;   // the plan's [server] and what follows
  std::string message;  // part of the refusal
};

class PlanThatCannotWork : public ::testing::TestWithParam<BadPlan> {};

TEST_P(PlanThatCannotWork, IsRefusedNamingItsKey) {
  Fleet fleet(MILLRACE_COORDINATOR);
  ASSERT_TRUE(fleet.StartCoordinator());
  EXPECT_THAT(fleet.as_operator().StartRun(TinyPlan{.server = GetParam().server}.Text()),
              IsStatus(kInvalid, HasSubstr(GetParam().message)));
  EXPECT_EQ(fleet.as_operator().ListRuns()->runs_size(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Plans, PlanThatCannotWork,
    ::testing::Values(BadPlan{"UnknownKey", "optimiser = \"fedavg\"\n", "[server] optimiser"},
                      BadPlan{"WrongType", "learning_rate = \"fast\"\n", "[server] learning_rate"},
                      BadPlan{"ImpossiblePair", "optimizer = \"fedavg\"\nbeta1 = 0.5\n",
                              "[server] beta1"}),
    [](const auto& info) { return info.param.name; });

// A site that lies.

class LyingSite : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fleet_.StartCoordinator());
    for (const std::string site : {"a", "b", "mallory"}) {
      links_[site] = std::make_unique<Link>(SiteLink(fleet_.federation(), site, fleet_.port()));
      MR_ASSERT_OK(links_[site]->CheckIn(Now()));
    }
    TinyPlan plan{.cohort = "target = 3\nminimum = 2\nwait_s = 0\n"};
    plan.rounds = 1;
    plan.normalization = "none";
    MR_ASSERT_OK(fleet_.as_operator().StartRun(plan.Text()));
    MR_ASSERT_OK_AND_ASSIGN(assignment_, testing::AwaitAssignment(mallory()));
    update_ = HonestUpdate("mallory", assignment_);
  }

  /// The refused site gives up; the honest two take the run to its end.
  void TearDown() override {
    mallory().ReportFailure(assignment_.id(), "gives up").IgnoreError();
    mallory().Shutdown();
    for (const std::string site : {"a", "b"}) MR_ASSERT_OK(TakePart(*links_[site], site));
    // The evaluation, whose cohort may still count mallory in.
    for (const std::string site : {"a", "b"}) MR_ASSERT_OK(TakePart(*links_[site], site));
    EXPECT_EQ(fleet_.GetRun("tiny-1").version(), 1) << fleet_.Logs();
  }

  Link& mallory() { return *links_.at("mallory"); }
  absl::StatusOr<v1::UploadState> Send() {
    return SendBytes(mallory(), HeaderOf(assignment_, update_), update_.Bytes());
  }

  Fleet fleet_{MILLRACE_COORDINATOR};
  std::map<std::string, std::unique_ptr<Link>> links_;
  v1::Assignment assignment_;
  SiteUpdate update_;  // honest until a test spoils it
};

TEST_F(LyingSite, NumbersThatAreNotFiniteAreRefused) {
  for (const float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    update_.vector[5] = bad;
    EXPECT_THAT(Send(), IsStatus(kInvalid, AllOf(HasSubstr("site mallory"), HasSubstr("tiny-1"),
                                                 HasSubstr("element 5 is NaN"))));
  }
}

TEST_F(LyingSite, ImpossibleWeightsAreRefused) {
  for (const double weight : {std::nan(""), -1.0, 0.0, 1e9, HUGE_VAL}) {
    update_.weight = weight;
    EXPECT_THAT(Send(),
                IsStatus(kInvalid, AllOf(HasSubstr("site mallory"), HasSubstr("max_weight 1000"))));
  }
}

TEST_F(LyingSite, WrongLengthAndLayoutAreRefused) {
  v1::UploadHeader header = HeaderOf(assignment_, update_);
  header.set_bytes(header.bytes() + 4);
  EXPECT_THAT(SendBytes(mallory(), header, update_.Bytes()),
              IsStatus(kInvalid, AllOf(HasSubstr("site mallory"),
                                       HasSubstr(absl::StrCat("length ", header.bytes())))));
  header = HeaderOf(assignment_, update_);
  header.set_layout_sha256(std::string(32, 'x'));
  EXPECT_THAT(SendBytes(mallory(), header, update_.Bytes()),
              IsStatus(kInvalid, AllOf(HasSubstr("site mallory"), HasSubstr("layout"))));
}

TEST_F(LyingSite, DigestsOfTheWrongSizeAreRefused) {
  v1::UploadHeader header = HeaderOf(assignment_, update_);
  header.set_sha256("short");
  EXPECT_THAT(SendBytes(mallory(), header, update_.Bytes()),
              IsStatus(kInvalid, HasSubstr("sha256: digest: 5 bytes")));
}

TEST_F(LyingSite, StaleAndFutureRoundsAreRefused) {
  for (const int64_t round : {0, 2, -1}) {
    assignment_.mutable_id()->set_round(round);
    EXPECT_THAT(Send(), IsStatus(absl::StatusCode::kFailedPrecondition,
                                 AllOf(HasSubstr("site mallory"),
                                       HasSubstr(absl::StrCat("current is ", assignment_.id().run(),
                                                              " round 1 attempt 1")))));
  }
  assignment_.mutable_id()->set_round(1);
}

TEST_F(LyingSite, UnknownRunIsRefusedByName) {
  v1::UploadHeader header = HeaderOf(assignment_, update_);
  header.mutable_round()->set_run("../../etc");
  EXPECT_THAT(SendBytes(mallory(), header, update_.Bytes()),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("run ../../etc")));
}

TEST_F(LyingSite, SecondUpdateWithOtherBytesIsRefused) {
  MR_ASSERT_OK(Send());
  MR_EXPECT_OK(Send()) << "the same bytes are a harmless retry";
  update_.vector[0] += 1;
  EXPECT_THAT(Send(), IsStatus(absl::StatusCode::kAlreadyExists,
                               AllOf(HasSubstr("site mallory"), HasSubstr("another update"))));
}

TEST_F(LyingSite, TruncatedUpdateIsNotAccepted) {
  const std::string bytes = update_.Bytes();
  MR_ASSERT_OK_AND_ASSIGN(
      const v1::UploadState state,
      SendBytes(mallory(), HeaderOf(assignment_, update_), bytes.substr(0, 70)));
  EXPECT_FALSE(state.accepted());
  EXPECT_EQ(state.received_bytes(), 70);
}

TEST_F(LyingSite, MoreBytesThanAnnouncedAreRefused) {
  EXPECT_THAT(SendBytes(mallory(), HeaderOf(assignment_, update_), update_.Bytes() + "more"),
              IsStatus(kInvalid, AllOf(HasSubstr("site mallory"), HasSubstr("beyond"))));
}

TEST_F(LyingSite, WrongDigestIsRefusedWithBoth) {
  v1::UploadHeader header = HeaderOf(assignment_, update_);
  header.set_sha256(std::string(32, 'x'));
  EXPECT_THAT(
      SendBytes(mallory(), header, update_.Bytes()),
      IsStatus(absl::StatusCode::kDataLoss, AllOf(HasSubstr("site mallory"), HasSubstr("78787878"),
                                                  HasSubstr(Sha256Of(update_.Bytes()).Hex()))));
}

TEST_F(LyingSite, DownloadsNothingButItsRoundsModel) {
  MemoryFileSystem files;
  const auto file = files.Open("model", FileSystem::OpenMode::kCreate);
  MR_ASSERT_OK(file);
  int64_t reached = 0;
  EXPECT_THAT(mallory().Download(assignment_.id(), Sha256Of("secret"), 0, file->get(), &reached),
              IsStatus(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("site mallory"), HasSubstr(Sha256Of("secret").Hex()))));
  Digest model;
  std::copy_n(assignment_.model_sha256().begin(), model.bytes.size(), model.bytes.begin());
  for (const int64_t offset : {int64_t{-1}, int64_t{37}, INT64_MAX}) {
    EXPECT_THAT(mallory().Download(assignment_.id(), model, offset, file->get(), &reached),
                IsStatus(absl::StatusCode::kOutOfRange,
                         AllOf(HasSubstr("site mallory"), HasSubstr("has 36"))));
  }
}

TEST_F(LyingSite, ReasonOfAnyLengthIsCutAndKeptReadable) {
  const std::string reason = std::string(499, 'x') + "\u00f6";  // byte 500 is half of it
  MR_ASSERT_OK(mallory().ReportFailure(assignment_.id(), reason));
  const v1::Run run = fleet_.GetRun("tiny-1");
  ASSERT_EQ(run.history_size(), 1) << "the run can still be shown";
  EXPECT_THAT(run.history(0).failures(),
              ::testing::ElementsAre(Pair("mallory", HasSubstr("xxxx"))));
}

}  // namespace
}  // namespace millrace
