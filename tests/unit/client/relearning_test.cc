// SPDX-License-Identifier: Apache-2.0
#include "client/relearning.h"

#include <gmock/gmock.h>

#include "absl/strings/str_split.h"
#include "base/memory_file_system.h"
#include "client/live_memory.h"
#include "client/relearn_folder.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RelearningTest : public ::testing::Test {
 protected:
  void SetUp() override {
    pumps_.channels.push_back({.name = "current", .unit = "", .rate_hz = 1, .rules = {}});
    pumps_.drift.emplace();
    MR_ASSERT_OK(disk_.CreateDirectories("state"));
    Restart();
  }
  void Restart() {
    given_.clear();
    relearning_ = std::make_unique<Relearning>(std::vector{pumps_}, &disk_, "state",
                                               [this](RelearnOrder order) {
                                                 given_.push_back(std::move(order));
                                                 return absl::OkStatus();
                                               });
  }
  void Order(const std::string& machine, std::vector<std::string> channels = {}) {
    RelearnOrder order;
    order.machine = machine;
    order.channels = std::move(channels);
    order.threshold = true;
    order.by = "A. Smith";
    order.note = "the gearbox is new";
    MR_ASSERT_OK(RelearnFolder(&disk_, "state").Give(order, absl::FromUnixSeconds(++second_)));
  }
  std::vector<RelearnOrder> Waiting() {
    return RelearnFolder(&disk_, "state").Waiting().value_or(std::vector<RelearnOrder>());
  }

  MachineConfig pumps_ = testing::JudgedMachines({"pump-1", "pump-2"});
  MemoryFileSystem memory_;
  testing::FaultyFileSystem disk_{&memory_};
  std::vector<RelearnOrder> given_;
  std::unique_ptr<Relearning> relearning_;
  int64_t second_ = 1'700'000'000;
};

TEST_F(RelearningTest, OrderIsHandedOnOnceAsItWasGiven) {
  relearning_->Look();
  EXPECT_THAT(given_, IsEmpty());
  Order("pump-2", {"current", "(score)"});
  Order("pump-1");
  relearning_->Look();
  relearning_->Look();
  ASSERT_THAT(given_, SizeIs(2));
  EXPECT_EQ(given_[0].machine, "pump-2") << "in their order";
  EXPECT_THAT(given_[0].channels, ElementsAre("current", "(score)"));
  EXPECT_TRUE(given_[0].threshold);
  EXPECT_EQ(given_[0].by, "A. Smith");
  EXPECT_EQ(given_[0].note, "the gearbox is new");
  EXPECT_EQ(given_[1].machine, "pump-1");
}

TEST_F(RelearningTest, OrderIsOverOnceWhatIsLearntSinceIsOnTheDisk) {
  Order("pump-1");
  relearning_->Look();
  relearning_->Save([] { return true; });
  EXPECT_THAT(Waiting(), SizeIs(1)) << "nobody has followed it";
  relearning_->Followed(given_[0]);
  relearning_->Save([] { return false; });
  EXPECT_THAT(Waiting(), SizeIs(1)) << "the disk is full";
  relearning_->Save([] { return true; });
  EXPECT_THAT(Waiting(), IsEmpty());
}

TEST_F(RelearningTest, OrderThatAKillHasCutShortIsFollowedAtTheNextStart) {
  Order("pump-1");
  relearning_->Look();
  relearning_->Followed(given_[0]);
  Restart();
  relearning_->Look();
  EXPECT_THAT(given_, SizeIs(1));
}

TEST_F(RelearningTest, OrderOfWhatComesWhileItIsSavedWaitsForTheNextTime) {
  Order("pump-1");
  Order("pump-2");
  relearning_->Look();
  relearning_->Followed(given_[0]);
  relearning_->Save([this] {
    relearning_->Followed(given_[1]);  // too late for what is written
    return true;
  });
  ASSERT_THAT(Waiting(), SizeIs(1));
  EXPECT_EQ(Waiting()[0].machine, "pump-2");
  relearning_->Save([] { return true; });
  EXPECT_THAT(Waiting(), IsEmpty());
}

TEST_F(RelearningTest, OrderThatCannotBeFollowedIsPutAway) {
  Order("pump-9");
  Order("pump-1", {"pressure"});
  MR_ASSERT_OK(WriteFileDurably(&disk_, "state/relearn/0-pump-1.order", "no such thing"));
  relearning_->Look();
  EXPECT_THAT(given_, IsEmpty());
  EXPECT_THAT(Waiting(), IsEmpty());
  EXPECT_THAT(*disk_.List("state/relearn"), IsEmpty());
}

TEST_F(RelearningTest, OrderThatCannotBeFollowedAndDoesNotGoIsToldOnce) {
  Order("pump-9");
  MR_ASSERT_OK(WriteFileDurably(&disk_, "state/relearn/0-pump-1.order", "no such thing"));
  disk_.TurnReadOnly();
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) relearning_->Look();
  const std::string log = ::testing::internal::GetCapturedStderr();
  const std::vector<std::string> pieces = absl::StrSplit(log, "order cannot be followed");
  EXPECT_THAT(pieces, SizeIs(3)) << "of two orders: " << log;
  disk_.Heal();
  relearning_->Look();
  EXPECT_THAT(*disk_.List("state/relearn"), IsEmpty());
}

TEST_F(RelearningTest, OrderOutlastsADiskThatFailsForTheMoment) {
  Order("pump-1");
  disk_.FailAnyCall(0, testing::DiskFault::kIoError);
  relearning_->Look();
  relearning_->Look();
  ASSERT_THAT(given_, SizeIs(1));
  relearning_->Followed(given_[0]);
  disk_.FailAnyCall(0, testing::DiskFault::kIoError);
  relearning_->Save([] { return true; });
  relearning_->Save([] { return true; });
  EXPECT_THAT(Waiting(), IsEmpty());
}

TEST_F(RelearningTest, MemoryThatADiskDidNotTakeIsSaidToBeMissingUntilItDoes) {
  LiveMemory memory(&disk_, "state");
  memory.Load();
  EXPECT_TRUE(memory.Save()) << "there is nothing";
  const auto note = [&](const std::string& drift) {
    memory.Note({{}, {{"pump-1", std::make_shared<const std::string>(drift)}}});
  };
  note("learnt");
  disk_.FillUp();
  EXPECT_FALSE(memory.Save());
  EXPECT_FALSE(memory.Save()) << "it is still not there";
  disk_.Heal();
  EXPECT_TRUE(memory.Save()) << "nothing new has to be learnt for that";
  EXPECT_EQ(*LiveMemory(&disk_, "state").Load().drift.at("pump-1"), "learnt");
  note("learnt anew");
  EXPECT_TRUE(memory.Save());
  EXPECT_EQ(*LiveMemory(&disk_, "state").Load().drift.at("pump-1"), "learnt anew");
}

TEST_F(RelearningTest, SinceWhenAMachineIsNormalOutlastsARestart) {
  LiveMemory memory(&disk_, "state");
  memory.Load();
  LearntOfMachines learnt;
  learnt.normal_since["pump-1"] = 100;
  memory.Note(learnt);
  learnt.normal_since = {{"pump-1", 200}, {"pump-2", 300}};
  memory.Note(learnt);
  EXPECT_TRUE(memory.Save());
  EXPECT_EQ(LiveMemory(&disk_, "state").Load().normal_since, learnt.normal_since);
}

TEST_F(RelearningTest, NameThatIsNoneDoesNotBecomeAPath) {
  RelearnOrder order;
  order.machine = "../pump";
  EXPECT_EQ(RelearnFolder(&disk_, "state").Give(order, absl::FromUnixSeconds(1)).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace millrace
