// SPDX-License-Identifier: Apache-2.0
// What every Store promises, over each one there is.
#include <gmock/gmock.h>

#include <functional>
#include <thread>

#include "coordinator/store/event_json.h"
#include "coordinator/store/sqlite_store.h"
#include "coordinator/store/store.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/coordinator/round_fixture.h"

namespace millrace {
namespace {

using testing::Accepting;
using testing::At;
using ::testing::IsEmpty;
using testing::IsStatus;
using testing::kStart;
using testing::TemporaryFolder;

struct Kind {
  std::string name;
  std::function<absl::StatusOr<std::unique_ptr<Store>>(const std::string& folder)> open;
};

class StoreConformance : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<Store>> store = GetParam().open(folder_.path());
    MR_ASSERT_OK(store);
    store_ = *std::move(store);
  }

  const TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

Event Start(absl::Time time = kStart) { return At(time, RunStarted{"plan", Sha256Of("start")}); }

/// "run: kind kind ..." of every run.
std::vector<std::string> Contents(Store& store) {
  const auto runs = store.LoadRuns();
  EXPECT_THAT(runs, testing::IsOk());
  std::vector<std::string> contents;
  if (!runs.ok()) return contents;
  for (const StoredRun& run : *runs) {
    std::string& line = contents.emplace_back(absl::StrCat(run.id, ":"));
    for (const Event& event : run.events) absl::StrAppend(&line, " ", EventKind(event));
  }
  return contents;
}

TEST_P(StoreConformance, NewStoreIsEmpty) {
  EXPECT_THAT(Contents(*store_), IsEmpty());
  EXPECT_THAT(store_->LoadSites(), testing::IsOkAndHolds(IsEmpty()));
}

TEST_P(StoreConformance, EventsComeBackInOrderWithTheirTimes) {
  const std::vector<Event> events = {Start(), At(kStart + absl::Microseconds(7), RoundClosed{"x"}),
                                     Accepting("a", kStart + absl::Seconds(1))};
  MR_ASSERT_OK(store_->Append("tiny-1", 0, std::span(events).first(2)));
  MR_ASSERT_OK(store_->Append("tiny-1", 2, std::span(events).last(1)));
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<StoredRun> runs, store_->LoadRuns());
  ASSERT_EQ(runs.size(), 1u);
  ASSERT_EQ(runs[0].events.size(), 3u);
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(runs[0].events[i].time, events[i].time);
    EXPECT_EQ(EventToJson(runs[0].events[i]), EventToJson(events[i]));
  }
}

TEST_P(StoreConformance, RunsComeBackOldestFirstWhateverTheirNames) {
  const Event later = Start(kStart + absl::Seconds(1));
  const Event sooner = Start();
  MR_ASSERT_OK(store_->Append("a", 0, std::span(&later, 1)));
  MR_ASSERT_OK(store_->Append("b", 0, std::span(&sooner, 1)));
  EXPECT_THAT(Contents(*store_), ::testing::ElementsAre("b: run_started", "a: run_started"));
}

TEST_P(StoreConformance, TakenPositionIsAborted) {
  const Event start = Start();
  MR_ASSERT_OK(store_->Append("tiny-1", 0, std::span(&start, 1)));
  EXPECT_THAT(store_->Append("tiny-1", 0, std::span(&start, 1)),
              IsStatus(absl::StatusCode::kAborted, ::testing::HasSubstr("store")));
}

TEST_P(StoreConformance, AppendOfSeveralEventsIsAllOrNothing) {
  const std::vector<Event> events = {Start(), At(kStart, RoundClosed{"x"})};
  MR_ASSERT_OK(store_->Append("tiny-1", 0, events));
  // Positions 1 (taken) and 2 (free).
  EXPECT_THAT(store_->Append("tiny-1", 1, events),
              IsStatus(absl::StatusCode::kAborted, ::testing::_));
  EXPECT_THAT(Contents(*store_), ::testing::ElementsAre("tiny-1: run_started round_closed"));
}

TEST_P(StoreConformance, EventThatIsMissingIsDataLossNamingTheRun) {
  const Event event = Start();
  MR_ASSERT_OK(store_->Append("tiny-1", 0, std::span(&event, 1)));
  MR_ASSERT_OK(store_->Append("tiny-1", 2, std::span(&event, 1)));
  EXPECT_THAT(store_->LoadRuns(), IsStatus(absl::StatusCode::kDataLoss,
                                           ::testing::HasSubstr("run tiny-1 event 1: is missing")));
}

TEST_P(StoreConformance, ForgottenRunLeavesTheHighestNumberOfItsNameAlone) {
  const Event start = Start();
  const StoredMessage message{{"tiny-2", 1, 1}, SecurePhase::kAdvertise, "a", "bytes"};
  for (const char* run : {"tiny-1", "tiny-2", "tiny-3"}) {
    MR_ASSERT_OK(store_->Append(run, 0, std::span(&start, 1), std::span(&message, 1)));
  }
  MR_ASSERT_OK(store_->ForgetRun("tiny-2", "tiny", 2));
  MR_ASSERT_OK(store_->ForgetRun("tiny-1", "tiny", 1));
  EXPECT_THAT(Contents(*store_), ::testing::ElementsAre("tiny-3: run_started"));
  EXPECT_THAT(store_->LoadMessages("tiny-2"), testing::IsOkAndHolds(IsEmpty()));
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<ForgottenRuns> forgotten, store_->LoadForgotten());
  ASSERT_EQ(forgotten.size(), 1u);
  EXPECT_EQ(forgotten[0].name, "tiny");
  EXPECT_EQ(forgotten[0].number, 2);
}

TEST_P(StoreConformance, SiteIsReplacedByName) {
  MR_ASSERT_OK(store_->PutSite({"press-7", kStart, kStart, "0.1", 1}));
  MR_ASSERT_OK(store_->PutSite({"lathe", kStart, kStart, "0.1", 4}));
  MR_ASSERT_OK(store_->PutSite({"press-7", kStart, kStart + absl::Seconds(2), "0.2", 2}));
  MR_ASSERT_OK_AND_ASSIGN(const std::vector<SiteRecord> sites, store_->LoadSites());
  ASSERT_EQ(sites.size(), 2u);
  EXPECT_EQ(sites[0].name, "lathe");
  EXPECT_EQ(sites[1].name, "press-7");
  EXPECT_EQ(sites[1].version, "0.2");
  EXPECT_EQ(sites[1].updates, 2);
  EXPECT_EQ(sites[1].first_seen, kStart);
  EXPECT_EQ(sites[1].last_seen, kStart + absl::Seconds(2));
}

TEST_P(StoreConformance, OnePositionGoesToOneOfSeveralThreads) {
  const Event start = Start();
  std::atomic<int> wins = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [&] { wins += store_->Append("tiny-1", 0, std::span(&start, 1)).ok() ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wins, 1);
}

INSTANTIATE_TEST_SUITE_P(
    Stores, StoreConformance,
    ::testing::Values(Kind{"Memory",
                           [](const std::string&) { return OpenSqliteStore(":memory:"); }},
                      Kind{"File",
                           [](const std::string& folder) {
                             return OpenSqliteStore(absl::StrCat(folder, "/store.sqlite"));
                           }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace millrace
