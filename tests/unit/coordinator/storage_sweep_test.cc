// SPDX-License-Identifier: Apache-2.0
// Whatever happens to whichever call of the disk, of the store or beside it: the run goes on, with
// the model of one to which nothing happened, and no acknowledged update is lost.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include "tests/testing/status_matchers.h"
#include "tests/unit/coordinator/engine_rig.h"

namespace millrace {
namespace {

using testing::DiskFault;
using testing::EngineRig;
using testing::kThreeSites;
using testing::StoreOn;

constexpr int kRounds = 2;  // one that trains, one that evaluates

testing::TinyPlan SweptPlan() {
  return {.rounds = 1,
          .cohort =
              "target = 3\nminimum = 3\nwait_s = 0\ndeadline_s = 60\nbackoff_s = 1\n"
              "attempts = 5\n",
          .server = "optimizer = \"fedadam\"\nlearning_rate = 0.1\n",
          .normalization = "none"};
}

// The release build takes every call of the disk; under sanitizers that would be minutes.
#ifdef MILLRACE_SANITIZED
constexpr int64_t kEvery = 7;
#else
constexpr int64_t kEvery = 1;
#endif

/// A run from its start to its end, on a store and blobs that share one disk.
class Sweep : public ::testing::Test {
 protected:
  struct Outcome {
    Digest model;
    std::vector<Digest> optimizer_state;
    std::map<std::string, double> metrics;
    bool operator==(const Outcome&) const = default;
  };

  Sweep() {
    EngineRig rig({}, StoreOn::kDisk);
    const int64_t before = rig.disk().AllCalls();
    rig.Start(SweptPlan());
    EXPECT_TRUE(rig.Finish(kThreeSites));
    calls_ = rig.disk().AllCalls() - before;
    undisturbed_ = OutcomeOf(rig);
    EXPECT_EQ(rig.Run().rounds.size(), kRounds);
    constexpr int kUpdates = kRounds * 3;
    EXPECT_GE(rig.disk().Calls(testing::DiskCall::kSync), rig.Run().events + kUpdates)
        << "the store's syncs are among the calls";
    EXPECT_GT(calls_, 100);
  }

  static Outcome OutcomeOf(EngineRig& rig) {
    const ModelVersion newest = rig.Run().Newest();
    return {newest.parameters, newest.optimizer_state, newest.metrics};
  }

  /// Starts the run, again if it could not be, as an operator does.
  static void StartStubbornly(EngineRig& rig) {
    for (int i = 0; i < 3 && !rig.engine().GetRun("tiny-1").ok(); ++i) {
      if (rig.engine().StartRun(SweptPlan().Text()).ok()) break;
      if (!rig.RestartIfDead()) rig.engine().Step();  // which tries the disk again
    }
  }

  void ExpectSameEnd(EngineRig& rig) const {
    ASSERT_TRUE(rig.Finish(kThreeSites));
    testing::ExpectFinishedAndFinite(rig);
    EXPECT_EQ(OutcomeOf(rig), undisturbed_);
  }

  int64_t calls_ = 0;
  Outcome undisturbed_;
};

TEST_F(Sweep, AnyCallThatFailsOnceCostsARetryAndNoAttempt) {
  for (const DiskFault fault :
       {DiskFault::kIoError, DiskFault::kDiskFull, DiskFault::kShortWrite}) {
    for (int64_t call = 0; call < calls_; call += kEvery) {
      SCOPED_TRACE(absl::StrCat("call ", call, ", fault ", static_cast<int>(fault)));
      EngineRig rig({}, StoreOn::kDisk);
      rig.disk().FailAnyCall(call, fault);
      StartStubbornly(rig);
      ExpectSameEnd(rig);
      EXPECT_EQ(rig.Run().rounds.size(), kRounds);
      if (HasFailure()) return;
    }
  }
}

TEST_F(Sweep, PowerCutRightAfterAnyFailedCallLosesNothingAcknowledged) {
  for (int64_t call = 0; call < calls_; call += kEvery) {
    SCOPED_TRACE(call);
    EngineRig rig({}, StoreOn::kDisk);
    rig.CutPowerOnDeath();
    rig.disk().FailAnyCall(call, DiskFault::kIoError);
    rig.disk().DieAt(call + 1);
    StartStubbornly(rig);
    ExpectSameEnd(rig);
    if (HasFailure()) return;
  }
}

TEST_F(Sweep, PowerCutSomeCallsAfterAFailedOneLosesNothingAcknowledged) {
  for (int64_t call = 0; call < calls_; call += kEvery) {
    SCOPED_TRACE(call);
    EngineRig rig({}, StoreOn::kDisk);
    rig.CutPowerOnDeath();
    rig.disk().FailAnyCall(call, DiskFault::kIoError);
    rig.disk().DieAt(call + 25);
    StartStubbornly(rig);
    ExpectSameEnd(rig);
    if (HasFailure()) return;
  }
}

TEST_F(Sweep, DeathAtAnyCallLosesNothingAcknowledged) {
  for (const bool power_cut : {false, true}) {
    for (int64_t call = 0; call < calls_; call += kEvery) {
      SCOPED_TRACE(absl::StrCat("call ", call, power_cut ? ", power cut" : ""));
      EngineRig rig({}, StoreOn::kDisk);
      if (power_cut) rig.CutPowerOnDeath();
      rig.disk().DieAt(call);
      StartStubbornly(rig);
      ExpectSameEnd(rig);
      if (HasFailure()) return;
    }
  }
}

TEST(FaultyDisk, PowerCutTakesWhatAFailedSyncWasToWriteAlsoAfterAGoodOne) {
  MemoryFileSystem memory;
  testing::FaultyFileSystem disk(&memory);
  {
    MR_ASSERT_OK_AND_ASSIGN(const auto file, disk.Open("file", FileSystem::OpenMode::kCreate));
    MR_ASSERT_OK(disk.SyncDirectory("."));
    MR_ASSERT_OK(file->WriteAt(0, std::string_view("synced")));
    MR_ASSERT_OK(file->Sync());
    MR_ASSERT_OK(file->WriteAt(0, std::string_view("LOST")));
    disk.FailCall(testing::DiskCall::kSync, 0);
    EXPECT_FALSE(file->Sync().ok());
    MR_ASSERT_OK(file->Sync());
  }
  disk.LosePower();
  EXPECT_EQ(ReadFile(&disk, "file").value(), "synced");
}

TEST(FaultyDisk, PowerCutTakesWhatAStoreHasNotSynced) {
  for (const bool synced : {false, true}) {
    MemoryFileSystem memory;
    testing::FaultyFileSystem disk(&memory);
    const testing::SqliteOnFileSystem sqlite(&disk);
    const auto rows = [] {
      return SQLite::Database("rows", SQLite::OPEN_READWRITE)
          .execAndGet("SELECT count(*) FROM numbers")
          .getInt();
    };
    {
      SQLite::Database database("rows", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
      database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE numbers(n)");
      if (!synced) database.exec("PRAGMA synchronous=OFF");
      database.exec("INSERT INTO numbers VALUES (1)");
      disk.DieAt(0);  // or closing would sync
    }
    disk.Heal();
    EXPECT_EQ(rows(), 1) << "a killed process loses nothing";
    {
      SQLite::Database database("rows", SQLite::OPEN_READWRITE);
      database.exec(synced ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF");
      database.exec("INSERT INTO numbers VALUES (2)");
      disk.DieAt(0);
    }
    disk.Heal();
    disk.LosePower();
    EXPECT_EQ(rows(), synced ? 2 : 1);
  }
}

}  // namespace
}  // namespace millrace
