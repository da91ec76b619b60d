// SPDX-License-Identifier: Apache-2.0
#include "client/capture/capture_triggers.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kOneSecond = 1'000'000'000;

class CaptureTriggersTest : public ::testing::Test {
 protected:
  CaptureTriggersTest() { config_.random_per_day = 0; }

  static MachineVerdict Reconstruction(double score) {
    MachineVerdict verdict;
    verdict.machine = "pump-1";
    verdict.time_ns = 5000 * kOneSecond;
    verdict.window_ns = 3 * kOneSecond;
    verdict.model = "pumps";
    verdict.version = 2;
    verdict.score = score;
    verdict.threshold = 2;
    verdict.judgement = score > 2 ? Judgement::kAlarm : Judgement::kNormal;
    return verdict;
  }
  static MachineVerdict Classified(int64_t predicted, double probability) {
    MachineVerdict verdict = Reconstruction(probability);
    verdict.task = Task::kClassification;
    verdict.threshold = std::nullopt;
    verdict.predicted = predicted;
    verdict.judgement = predicted == 0 ? Judgement::kNormal : Judgement::kAlarm;
    return verdict;
  }
  std::optional<CaptureTrigger> TriggerOf(const MachineVerdict& verdict, int64_t at_s = 100) {
    const std::optional<CaptureEvent> event =
        triggers_->OnVerdict(verdict, verdict.machine, at_s * kOneSecond);
    if (!event) return std::nullopt;
    return event->trigger;
  }
  void Begin(uint64_t seed = 1) { triggers_.emplace(config_, seed); }

  CaptureConfig config_;
  std::optional<CaptureTriggers> triggers_;
};

TEST_F(CaptureTriggersTest, AlarmIsCapturedWithWhatTheModelSaid) {
  Begin();
  const std::optional<CaptureEvent> event =
      triggers_->OnVerdict(Reconstruction(3), "pump-1", kOneSecond);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->trigger, CaptureTrigger::kAlarm);
  EXPECT_EQ(event->machine, "pump-1");
  EXPECT_EQ(event->time_ns, 5000 * kOneSecond);
  EXPECT_EQ(event->window_ns, 3 * kOneSecond);
  EXPECT_EQ(event->surprise, 1.5);
  EXPECT_EQ(event->version, 2);
  EXPECT_THAT(event->reason, HasSubstr("threshold 2"));
}

TEST_F(CaptureTriggersTest, LongAlarmIsOneCaptureInTheRefractoryTime) {
  Begin();
  EXPECT_EQ(TriggerOf(Reconstruction(3), 100), CaptureTrigger::kAlarm);
  for (int64_t at_s = 101; at_s < 700; ++at_s) {
    EXPECT_EQ(TriggerOf(Reconstruction(3), at_s), std::nullopt);
  }
  EXPECT_EQ(TriggerOf(Reconstruction(3), 700), CaptureTrigger::kAlarm);
  MachineVerdict other = Reconstruction(3);
  other.machine = "pump-2";
  EXPECT_EQ(TriggerOf(other, 701), CaptureTrigger::kAlarm) << "a machine by itself";
}

TEST_F(CaptureTriggersTest, LongAlarmOfOneModelKeepsAwayNoneOfAnotherOnTheSameRows) {
  Begin();
  MachineVerdict life = Reconstruction(3);
  life.machine = "pump-1-life";
  life.task = Task::kRegression;
  const std::optional<CaptureEvent> of_life =
      triggers_->OnVerdict(life, "pump-1", 100 * kOneSecond);
  ASSERT_TRUE(of_life.has_value());
  EXPECT_EQ(of_life->machine, "pump-1");
  EXPECT_TRUE(of_life->own_labels);
  const std::optional<CaptureEvent> of_anomaly =
      triggers_->OnVerdict(Reconstruction(3), "pump-1", 101 * kOneSecond);
  ASSERT_TRUE(of_anomaly.has_value());
  EXPECT_FALSE(of_anomaly->own_labels);
  EXPECT_FALSE(triggers_->OnVerdict(life, "pump-1", 102 * kOneSecond).has_value());
}

TEST_F(CaptureTriggersTest, NearlyAnAlarmIsDoubtful) {
  Begin();
  EXPECT_EQ(TriggerOf(Reconstruction(1.79)), std::nullopt);
  EXPECT_EQ(TriggerOf(Reconstruction(1.81)), CaptureTrigger::kLowConfidence);
}

TEST_F(CaptureTriggersTest, ClassOfALowProbabilityIsDoubtful) {
  Begin();
  EXPECT_EQ(TriggerOf(Classified(0, 0.61)), std::nullopt);
  EXPECT_EQ(TriggerOf(Classified(0, 0.59)), CaptureTrigger::kLowConfidence);
  EXPECT_EQ(TriggerOf(Classified(3, 0.4)), CaptureTrigger::kAlarm) << "that comes first";
}

TEST_F(CaptureTriggersTest, VerdictThatIsNoneCallsForNothing) {
  config_.random_per_day = 10'000;
  Begin();
  MachineVerdict verdict = Reconstruction(3);
  verdict.judgement = Judgement::kNotEvaluated;
  for (int64_t at_s = 1; at_s < 10'000; ++at_s) EXPECT_EQ(TriggerOf(verdict, at_s), std::nullopt);
}

TEST_F(CaptureTriggersTest, ChanceTakesAsManyADayAsItIsTo) {
  config_.random_per_day = 24;
  Begin(7);
  int64_t taken = 0;
  for (int64_t at_s = 1; at_s < 30 * 86'400; at_s += 10) {
    taken += TriggerOf(Reconstruction(1), at_s) == CaptureTrigger::kRandom;
  }
  // 720 are expected; four deviations of a Poisson distribution are 107.
  EXPECT_NEAR(static_cast<double>(taken), 720, 107);
}

TEST_F(CaptureTriggersTest, ConfirmedDriftIsCapturedAndASuspicionIsNot) {
  Begin();
  ChannelDrift drift;
  drift.machine = "pump-1";
  drift.channel = "current";
  drift.time_ns = 77;
  drift.report.state = DriftState::kSuspected;
  EXPECT_FALSE(triggers_->OnDrift(drift, drift.machine, kOneSecond).has_value());
  drift.report.state = DriftState::kConfirmed;
  drift.report.shift = -1.5;
  drift.recalled = true;
  EXPECT_FALSE(triggers_->OnDrift(drift, drift.machine, kOneSecond).has_value())
      << "it was kept back then";
  drift.recalled = false;
  const std::optional<CaptureEvent> event = triggers_->OnDrift(drift, drift.machine, kOneSecond);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->trigger, CaptureTrigger::kDrift);
  EXPECT_EQ(event->surprise, 1.5);
  EXPECT_THAT(event->reason, HasSubstr("current"));
}

}  // namespace
}  // namespace millrace
