// SPDX-License-Identifier: Apache-2.0
// kill -9 of a real daemon whose masked vector lies in its spool: its secrets are gone, and what it
// sends after its restart are the very bytes.
#include <gmock/gmock.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/crypto/digest.h"
#include "base/file_system.h"
#include "millrace/v1/transfer.pb.h"
#include "tests/fault/secure_fleet.h"
#include "tests/testing/cutting_proxy.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::Contains;
using testing::CuttingProxy;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::SecureFleet;
using testing::TinyPlan;
using testing::Weather;

constexpr char kVictim[] = "victim";
constexpr absl::Duration kPatience = absl::Minutes(2);
constexpr int kRows = 21;
constexpr double kExamples = kRows - 1;  // windows of two rows

class SecureResendTest : public SecureFleet {
 protected:
  /// Updates of 1 MB. The victim's is zero: its steps are too small for any parameter, so that its
  /// sum can be told without training.
  static TinyPlan LargePlan() {
    TinyPlan plan = PlanOf("honest_but_curious", 5, 4);
    // Nobody is missing in the end: on a machine that is busy with other things a time that runs
    // out would cost the attempt, and the victim the round that it is to come back to.
    plan.cohort =
        "target = 5\nminimum = 5\nwait_s = 120\ndeadline_s = 200\nbackoff_s = 1\n"
        "[secure]\nphase_s = 100\n";
    plan.hidden = 1 << 16;
    plan.update += "[training]\nlearning_rate = 1e-30\n[split]\nvalidation = 0\n";
    return plan;
  }

  std::string Path(const std::string& name) const { return fleet_.folder() + "/" + name; }

  void StartVictim(int port) {
    std::string rows = "heat,wear\n";
    for (int row = 0; row < kRows; ++row) absl::StrAppend(&rows, row * 0.1, ",", row * 0.2, "\n");
    MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), Path("rows.csv"), rows));
    fleet_.PutBehind(port, kVictim);
    fleet_.StartSite(MILLRACE_CLIENT, kVictim,
                     "[secure]\n[data]\nkind = \"delimited\"\npath = \"rows.csv\"\n");
  }

  bool VictimHasModel() const {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(Path("spool_victim"), error)) {
      if (entry.path().extension() == ".model") return true;
    }
    return false;
  }

  /// The digest of what the victim has spooled, as its header says and its bytes are.
  Digest Spooled() const {
    v1::UploadHeader header;
    const std::string bytes = ReadFile(PosixFileSystem(), Path("spool_victim/update")).value_or("");
    EXPECT_TRUE(header.ParseFromString(
        ReadFile(PosixFileSystem(), Path("spool_victim/update.header")).value_or("x")));
    const Digest digest = Sha256Of(bytes);
    EXPECT_EQ(header.sha256(), std::string(digest.bytes.begin(), digest.bytes.end()));
    return digest;
  }

  /// Its events: the log first, from which they may be moved to the store meanwhile.
  std::string CoordinatorsStore() const {
    const std::string log =
        ReadFile(PosixFileSystem(), Path("state/store.sqlite-wal")).value_or("");
    return log + ReadFile(PosixFileSystem(), Path("state/store.sqlite")).value_or("");
  }

  /// The victim dies once its link is cut after so many bytes of its upload.
  void ExpectSameBytesAfterDeathAt(int64_t uploaded) {
    const TinyPlan tiny = LargePlan();
    MR_ASSERT_OK_AND_ASSIGN(const Plan plan, ParsePlan(tiny.Text()));
    ASSERT_TRUE(fleet_.StartCoordinator());
    // Slow, so that however busy the machine is, its link is cut before the upload is over.
    CuttingProxy proxy(fleet_.port(), Weather{.bytes_per_s = 250'000});
    StartSites(Names(4));
    StartVictim(proxy.port());
    ASSERT_TRUE(fleet_.AwaitSites()) << fleet_.Logs();
    MR_ASSERT_OK(fleet_.as_operator().StartRun(tiny.Text()));

    // It has joined, and trains now.
    ASSERT_TRUE(Eventually([&] { return VictimHasModel(); }, kPatience)) << fleet_.Logs();
    proxy.CutAfter(uploaded, /*stay_away=*/true);
    ASSERT_TRUE(Eventually(
        [&] {
          return proxy.has_cut() && PosixFileSystem()->Exists(Path("spool_victim/update.header"));
        },
        kPatience))
        << fleet_.Logs();
    fleet_.site(kVictim).Kill();
    const Digest spooled = Spooled();
    ASSERT_EQ(fleet_.GetRun("tiny-1").version(), 0);
    ASSERT_THAT(CoordinatorsStore(), ::testing::Not(HasSubstr(spooled.Hex())));

    StartVictim(proxy.port());
    proxy.Mend(fleet_.port());
    const v1::Run run = fleet_.AwaitEnd("tiny-1");
    ASSERT_EQ(run.phase(), v1::RUN_PHASE_FINISHED) << run.note() << fleet_.Logs();
    const v1::Round& round = run.history(0);
    EXPECT_EQ(round.phase(), v1::ROUND_PHASE_COMMITTED) << "in its first attempt";
    EXPECT_THAT(round.received(), Contains(kVictim));
    EXPECT_THAT(CoordinatorsStore(), HasSubstr(spooled.Hex()));
    ExpectMeanOf(Names(4), plan, kExamples);
  }
};

TEST_F(SecureResendTest, DaemonThatDiesBeforeItsUploadSendsTheSpooledBytes) {
  ExpectSameBytesAfterDeathAt(0);
}

TEST_F(SecureResendTest, DaemonThatDiesInItsUploadSendsTheRestOfTheSpooledBytes) {
  ExpectSameBytesAfterDeathAt(300'000);
}

}  // namespace
}  // namespace millrace
