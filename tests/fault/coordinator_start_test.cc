// SPDX-License-Identifier: Apache-2.0
// What a coordinator's process has to do with its machine: its folder, its files, its certificate,
// and whom it lets in.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/memory_file_system.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_plan.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::Eventually;
using testing::Fleet;
using ::testing::HasSubstr;
using testing::IsStatus;
using testing::Process;
using testing::SiteLink;
using testing::TakePart;
using testing::TinyPlan;

TEST(CoordinatorStart, SecondOneOnTheSameFolderIsRefusedNamingTheFirst) {
  Fleet fleet(MILLRACE_COORDINATOR);
  ASSERT_TRUE(fleet.StartCoordinator());
  const std::string log = absl::StrCat(fleet.folder(), "/second.log");
  Process second({MILLRACE_COORDINATOR, "--config", fleet.folder() + "/coordinator.toml"}, log);
  EXPECT_EQ(second.AwaitExit(), 3);
  EXPECT_THAT(second.Log(),
              AllOf(HasSubstr("/state"), HasSubstr(absl::StrCat(fleet.coordinator().pid()))));
  MR_EXPECT_OK(fleet.as_operator().ListRuns());
}

TEST(CoordinatorStart, CertificateThatEndsSoonIsInTheLog) {
  Fleet fleet(MILLRACE_COORDINATOR);  // its certificate is valid for a day
  ASSERT_TRUE(fleet.StartCoordinator());
  EXPECT_TRUE(Eventually([&] {
    return fleet.coordinator().Log().find("certificate ends soon") != std::string::npos;
  })) << fleet.Logs();
}

TEST(CoordinatorStart, CertificateThatIsNotValidYetIsWaitedFor) {
  Fleet fleet(MILLRACE_COORDINATOR);
  ASSERT_TRUE(fleet.StartCoordinator());
  fleet.coordinator().Kill();
  const absl::Time now = absl::Now();
  const auto install = [&](absl::Time from) {
    const KeyAndCertificate next =
        fleet.federation().Issue(Role::kCoordinator, "cloud", from, now + absl::Hours(24 * 365));
    const auto write = [&](const std::string& name, const std::string& text) {
      MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), fleet.folder() + name, text));
    };
    write("/cloud.crt", next.certificate_pem);
    write("/cloud.key", next.key_pem);
  };
  install(now + absl::Hours(24));
  Process early({MILLRACE_COORDINATOR, "--config", fleet.folder() + "/coordinator.toml"},
                fleet.folder() + "/early.log");
  ASSERT_TRUE(Eventually([&] { return early.Log().find("start waits") != std::string::npos; }))
      << early.Log();
  EXPECT_THAT(early.Log(), HasSubstr("not valid before"));
  // As if the day had gone by: what is there now has begun to count. It never sees half of it.
  early.Signal(SIGSTOP);
  install(now - absl::Hours(1));
  early.Signal(SIGCONT);
  EXPECT_TRUE(Eventually([&] {
    return early.Log().find("coordinator listens") != std::string::npos;
  })) << early.Log();
}

TEST(CoordinatorFiles, NobodyElseMayReadThemWhateverItsMaskWas) {
  const mode_t usual = ::umask(0);
  Fleet fleet(MILLRACE_COORDINATOR);
  const bool started = fleet.StartCoordinator();
  ::umask(usual);
  ASSERT_TRUE(started);
  MR_ASSERT_OK(fleet.as_operator().StartRun(TinyPlan().Text()));
  int seen = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(fleet.folder() + "/state")) {
    const auto others = entry.status().permissions() & static_cast<std::filesystem::perms>(0077);
    EXPECT_EQ(others, std::filesystem::perms::none) << entry.path();
    ++seen;
  }
  EXPECT_GT(seen, 3);
}

TEST(CoordinatorFiles, RoundMayHaveMoreUpdatesThanTheProcessMayHaveFiles) {
  Fleet fleet(MILLRACE_COORDINATOR);
  ASSERT_TRUE(fleet.StartCoordinator());
  constexpr int kSites = 120;
  constexpr rlim_t kFiles = 80;
  rlimit limit;
  ASSERT_EQ(prlimit(fleet.coordinator().pid(), RLIMIT_NOFILE, nullptr, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max) << "raised at start";
  limit.rlim_cur = kFiles;
  ASSERT_EQ(prlimit(fleet.coordinator().pid(), RLIMIT_NOFILE, &limit, nullptr), 0);

  TinyPlan plan{.rounds = 1, .normalization = "none"};
  plan.cohort = absl::StrCat("target = ", kSites, "\nminimum = ", kSites, "\n");
  MR_ASSERT_OK(fleet.as_operator().StartRun(plan.Text()));
  const auto name = [](int i) { return absl::StrCat("site-", i); };
  for (int i = 0; i < kSites; ++i) {
    Link link(SiteLink(fleet.federation(), name(i), fleet.port()));
    MR_ASSERT_OK(link.CheckIn(v1::CheckInRequest()));
  }
  for (int i = 0; i < kSites; ++i) {
    Link link(SiteLink(fleet.federation(), name(i), fleet.port()));
    MR_ASSERT_OK(TakePart(link, name(i))) << i << fleet.Logs();
  }
  EXPECT_TRUE(Eventually([&] { return fleet.GetRun("tiny-1").version() == 1; })) << fleet.Logs();
}

TEST(CoordinatorAdmission, SiteThatIsNotAllowedIsRefusedByEveryService) {
  Fleet fleet(MILLRACE_COORDINATOR, "[sites]\nallowed = [\"a\"]\n");
  ASSERT_TRUE(fleet.StartCoordinator());
  const auto refused = IsStatus(absl::StatusCode::kPermissionDenied,
                                AllOf(HasSubstr("site b"), HasSubstr("[sites] allowed")));
  Link link(SiteLink(fleet.federation(), "b", fleet.port()));
  EXPECT_THAT(link.CheckIn(v1::CheckInRequest()), refused);
  EXPECT_THAT(link.ReportFailure(v1::RoundId(), "no data"), refused);
  EXPECT_THAT(link.BeginUpload(v1::UploadHeader()), refused);
  EXPECT_THAT(link.Share(v1::ShareRequest()), refused);
  MemoryFileSystem files;
  MR_ASSERT_OK_AND_ASSIGN(const auto file, files.Open("model", FileSystem::OpenMode::kCreate));
  int64_t reached = 0;
  EXPECT_THAT(link.Download(v1::RoundId(), Digest(), 0, file.get(), &reached), refused);
  EXPECT_THAT(fleet.coordinator().Log(), HasSubstr("site refused"));
}

}  // namespace
}  // namespace millrace
