// SPDX-License-Identifier: Apache-2.0
#include "client/output/output_set.h"

#include <gmock/gmock.h>

#include <atomic>
#include <functional>
#include <set>
#include <thread>
#include <utility>

#include "tests/testing/status_matchers.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;
using testing::VerdictOn;

/// Addresses as a machine has them: each is one output's. Keeps what outputs did, in their order.
struct FakeAddresses {
  std::set<std::string> taken;
  std::vector<std::string> diary;
};

class FakeOutput final : public Output {
 public:
  FakeOutput(std::string name, std::string address, FakeAddresses* addresses)
      : name_(std::move(name)), address_(std::move(address)), addresses_(addresses) {
    addresses_->taken.insert(address_);
    addresses_->diary.push_back("open " + name_ + " at " + address_);
  }
  ~FakeOutput() override {
    addresses_->taken.erase(address_);
    addresses_->diary.push_back("close " + name_ + " at " + address_);
  }
  void Take(const MachineVerdict&) override { ++told_; }
  void Beat(const VerdictBoard&) override {}
  OutputStatus Status() const override {
    OutputStatus status;
    status.told = told_;
    return status;
  }

 private:
  const std::string name_;
  const std::string address_;
  FakeAddresses* const addresses_;
  std::atomic<int64_t> told_ = 0;
};

class OutputSetTest : public ::testing::Test {
 protected:
  static OutputConfig OutputAt(const std::string& name, const std::string& address) {
    return {name, GrpcOutputConfig{address}};
  }
  std::vector<std::string> TakeDiary() { return std::exchange(addresses_.diary, {}); }

  FakeAddresses addresses_;
  OutputSet outputs_{[this](const OutputConfig& config) -> absl::StatusOr<std::unique_ptr<Output>> {
    const std::string& address = std::get<GrpcOutputConfig>(config.kind).listen;
    if (addresses_.taken.contains(address)) {
      return absl::UnavailableError("listen " + address + ": not possible");
    }
    return std::make_unique<FakeOutput>(config.name, address, &addresses_);
  }};
};

TEST_F(OutputSetTest, WhatIsAsItWasGoesOnWhileOthersComeAndGo) {
  MR_ASSERT_OK(outputs_.Reconfigure({OutputAt("a", "1"), OutputAt("b", "2")}));
  EXPECT_THAT(TakeDiary(), ElementsAre("open a at 1", "open b at 2"));
  outputs_.Take(VerdictOn("pump-1", Judgement::kNormal));
  MR_ASSERT_OK(outputs_.Reconfigure({OutputAt("c", "3"), OutputAt("a", "1")}));
  EXPECT_THAT(TakeDiary(), ElementsAre("close b at 2", "open c at 3"));
  outputs_.Take(VerdictOn("pump-1", Judgement::kNormal));
  EXPECT_EQ(outputs_.Statuses().at("a").told, 2);
  EXPECT_EQ(outputs_.Statuses().at("c").told, 1);
  EXPECT_EQ(outputs_.Statuses().size(), 2);
}

TEST_F(OutputSetTest, WhatIsNewMayHaveTheAddressOfWhatGoes) {
  MR_ASSERT_OK(outputs_.Reconfigure({OutputAt("a", "1")}));
  MR_ASSERT_OK(outputs_.Reconfigure({OutputAt("b", "1")}));
  EXPECT_THAT(TakeDiary(), ElementsAre("open a at 1", "close a at 1", "open b at 1"));
}

TEST_F(OutputSetTest, ChangeThatIsNotPossibleLeavesWhatThereWas) {
  MR_ASSERT_OK(outputs_.Reconfigure({OutputAt("a", "1"), OutputAt("b", "2")}));
  addresses_.taken.insert("elsewhere");
  TakeDiary();
  EXPECT_THAT(
      outputs_.Reconfigure({OutputAt("a", "1"), OutputAt("b", "3"), OutputAt("c", "elsewhere")}),
      IsStatus(absl::StatusCode::kUnavailable, HasSubstr("[[output]] c: listen elsewhere")));
  EXPECT_THAT(TakeDiary(),
              ElementsAre("close b at 2", "open b at 3", "close b at 3", "open b at 2"));
  EXPECT_EQ(outputs_.Statuses().size(), 2);
  addresses_.taken.erase("elsewhere");
  MR_EXPECT_OK(outputs_.Reconfigure({OutputAt("c", "elsewhere")}));
}

TEST_F(OutputSetTest, WhatCannotComeBackIsOpenedByTheNextChange) {
  addresses_.taken.insert("2");
  // Another program is faster.
  OutputSet stolen([this](const OutputConfig& config) -> absl::StatusOr<std::unique_ptr<Output>> {
    const std::string& address = std::get<GrpcOutputConfig>(config.kind).listen;
    const bool refused = addresses_.taken.contains(address);
    if (refused) addresses_.taken.insert("3");
    if (refused) return absl::UnavailableError(address);
    return std::make_unique<FakeOutput>(config.name, address, &addresses_);
  });
  MR_ASSERT_OK(stolen.Reconfigure({OutputAt("b", "3")}));
  EXPECT_FALSE(stolen.Reconfigure({OutputAt("b", "2")}).ok());
  EXPECT_THAT(stolen.Statuses(), IsEmpty());
  addresses_.taken.erase("3");
  MR_EXPECT_OK(stolen.Reconfigure({OutputAt("b", "3")}));
  EXPECT_EQ(stolen.Statuses().size(), 1);
}

TEST_F(OutputSetTest, VerdictsAreTakenWhileOutputsComeAndGo) {
  MR_ASSERT_OK(outputs_.Reconfigure({OutputAt("a", "1")}));
  constexpr int64_t kVerdicts = 2000;
  std::vector<std::thread> scoring;
  for (int i = 0; i < 2; ++i) {
    scoring.emplace_back([this] {
      for (int64_t n = 0; n < kVerdicts; ++n) {
        outputs_.Take(VerdictOn("pump-1", Judgement::kNormal));
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    MR_EXPECT_OK(outputs_.Reconfigure({OutputAt("a", "1"), OutputAt("b", std::to_string(2 + i))}));
  }
  for (std::thread& thread : scoring) thread.join();
  EXPECT_EQ(outputs_.Statuses().at("a").told, 2 * kVerdicts);
}

/// With a verdict of its own that waits, behind those that it has taken over and before those that
/// it is told.
class WaitingOutput final : public Output {
 public:
  /// `farewell`: what happens while it says good-bye.
  WaitingOutput(std::string verdict, std::vector<std::string>* taken_over,
                std::function<void()> farewell)
      : verdict_(std::move(verdict)), taken_over_(taken_over), farewell_(std::move(farewell)) {}
  void TakeOver(std::vector<Backlog::Message> waiting) override {
    for (Backlog::Message& message : waiting) {
      taken_over_->push_back(message.payload);
      waiting_.push_back(std::move(message));
    }
  }
  void Halt() override { farewell_(); }
  std::vector<Backlog::Message> GiveUp() override {
    waiting_.push_back({"topic", verdict_});
    waiting_.insert(waiting_.end(), told_.begin(), told_.end());
    return std::move(waiting_);
  }
  void Take(const MachineVerdict& verdict) override {
    told_.push_back({"topic", "on " + verdict.machine});
  }
  void Beat(const VerdictBoard&) override {}
  OutputStatus Status() const override { return {}; }

 private:
  const std::string verdict_;
  std::vector<std::string>* const taken_over_;
  const std::function<void()> farewell_;
  std::vector<Backlog::Message> waiting_;
  std::vector<Backlog::Message> told_;
};

class OutputBacklogTest : public ::testing::Test {
 protected:
  static OutputConfig PlantAt(const std::string& host, int64_t qos,
                              const std::string& topic = "a/{machine}") {
    MqttOutputConfig config;
    config.broker.host = host;
    config.broker.qos = qos;
    config.verdict_topic = topic;
    return {"plant", config};
  }
  std::vector<std::string> TakenOver() { return std::exchange(taken_over_, {}); }

  int opened_ = 0;
  int verdicts_ = 0;
  std::vector<std::string> taken_over_;
  std::function<void()> meanwhile_ = [] {};  // while one says good-bye, and while one is opened
  OutputSet outputs_{[this](const OutputConfig& config) -> absl::StatusOr<std::unique_ptr<Output>> {
    meanwhile_();
    if (config.name == "taken") return absl::UnavailableError("address");
    return std::make_unique<WaitingOutput>("verdict " + std::to_string(++opened_), &taken_over_,
                                           [this] { meanwhile_(); });
  }};
};

TEST_F(OutputBacklogTest, WhatWaitsForABrokerGoesOnWaitingWhereTheOutputIsEdited) {
  MR_ASSERT_OK(outputs_.Reconfigure({PlantAt("broker", 0)}));
  MR_ASSERT_OK(outputs_.Reconfigure({PlantAt("broker", 1)}));
  EXPECT_THAT(TakenOver(), ElementsAre("verdict 1"));
  MR_ASSERT_OK(outputs_.Reconfigure({PlantAt("broker", 2)}));
  EXPECT_THAT(TakenOver(), ElementsAre("verdict 1", "verdict 2"));
}

TEST_F(OutputBacklogTest, VerdictsThatComeWhileAnOutputIsEditedReachTheOneThatTakesItsPlace) {
  MR_ASSERT_OK(outputs_.Reconfigure({PlantAt("broker", 0)}));
  meanwhile_ = [this] {
    outputs_.Take(VerdictOn("pump-" + std::to_string(++verdicts_), Judgement::kNormal));
  };
  MR_ASSERT_OK(outputs_.Reconfigure({PlantAt("broker", 1)}));
  EXPECT_THAT(TakenOver(), ElementsAre("verdict 1", "on pump-1", "on pump-2"));
  // Also where nothing comes of it.
  EXPECT_FALSE(outputs_.Reconfigure({PlantAt("broker", 2), {"taken", GrpcOutputConfig{"1"}}}).ok());
  EXPECT_THAT(TakenOver(), ::testing::IsSupersetOf(
                               {"on pump-3", "on pump-4", "on pump-5", "on pump-6", "on pump-7"}));
  meanwhile_ = [] {};
}

TEST_F(OutputBacklogTest, AnotherBrokerOrTopicGetsNothingThatWasForTheOneBefore) {
  MR_ASSERT_OK(outputs_.Reconfigure({PlantAt("broker", 0)}));
  MR_ASSERT_OK(outputs_.Reconfigure({PlantAt("elsewhere", 0)}));
  MR_ASSERT_OK(outputs_.Reconfigure({PlantAt("elsewhere", 0, "b/{machine}")}));
  OutputConfig renamed = PlantAt("elsewhere", 0, "b/{machine}");
  renamed.name = "other";
  MR_ASSERT_OK(outputs_.Reconfigure({renamed}));
  EXPECT_THAT(TakenOver(), IsEmpty());
}

TEST_F(OutputBacklogTest, ChangeThatIsNotPossibleLosesNothing) {
  MR_ASSERT_OK(outputs_.Reconfigure({PlantAt("broker", 0)}));
  EXPECT_FALSE(outputs_.Reconfigure({PlantAt("broker", 1), {"taken", GrpcOutputConfig{"1"}}}).ok());
  EXPECT_THAT(TakenOver(), ElementsAre("verdict 1", "verdict 1", "verdict 2"));
}

}  // namespace
}  // namespace millrace
