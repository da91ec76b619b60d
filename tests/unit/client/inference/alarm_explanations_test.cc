// SPDX-License-Identifier: Apache-2.0
#include "client/inference/alarm_explanations.h"

#include <gtest/gtest.h>

#include "client/live/live_clock.h"

namespace millrace {
namespace {

class AlarmExplanationsTest : public ::testing::Test {
 protected:
  /// An alarm of this class now: whether the model is asked, which answers then.
  bool Asks(int64_t predicted) {
    if (!explanations_.IsDue(predicted, now_ns_)) return false;
    explanations_.Keep({predicted, now_ns_, now_ns_, {}, 0});
    return true;
  }
  /// When the model said what explains an alarm of this class; 0: nothing does.
  int64_t ExplainedAt(int64_t predicted) const {
    const AlarmExplanation* const explanation = explanations_.Of(predicted, now_ns_);
    return explanation == nullptr ? 0 : explanation->time_ns;
  }
  void Wait(int64_t ms) { now_ns_ += ms * kNsPerS / 1000; }

  int64_t now_ns_ = kNsPerS;
  AlarmExplanations explanations_;
};

TEST_F(AlarmExplanationsTest, AlarmIsExplainedWhenItBeginsAndOnceInTenSecondsWhileItLasts) {
  EXPECT_TRUE(Asks(2));
  const int64_t first_ns = now_ns_;
  for (int i = 0; i < 99; ++i) {
    Wait(100);
    EXPECT_FALSE(Asks(2));
    EXPECT_EQ(ExplainedAt(2), first_ns);
  }
  Wait(100);
  EXPECT_TRUE(Asks(2));
}

TEST_F(AlarmExplanationsTest, AlarmOfAnotherClassIsExplainedHoweverSoonItComes) {
  for (int64_t predicted = 1; predicted <= 8; ++predicted) {
    EXPECT_TRUE(Asks(predicted));
    EXPECT_EQ(ExplainedAt(predicted), now_ns_);
    Wait(10);
  }
}

TEST_F(AlarmExplanationsTest, ClassThatComesBackIsExplainedByWhatWasSaidOfIt) {
  EXPECT_TRUE(Asks(1));
  const int64_t first_ns = now_ns_;
  Wait(100);
  EXPECT_TRUE(Asks(2));
  Wait(100);
  EXPECT_FALSE(Asks(1));
  EXPECT_EQ(ExplainedAt(1), first_ns);
  Wait(2000);
  EXPECT_TRUE(Asks(2)) << "there is time for it";
}

TEST_F(AlarmExplanationsTest, AlarmThatBeginsAgainIsExplainedAnewOnceASecond) {
  EXPECT_TRUE(Asks(1));
  explanations_.End();
  Wait(999);
  EXPECT_FALSE(Asks(1));
  explanations_.End();
  Wait(1);
  EXPECT_TRUE(Asks(1));
}

TEST_F(AlarmExplanationsTest, ModelIsNotAskedMoreThanTwiceASecondHoweverAlarmsFlap) {
  for (const int64_t classes : {1, 2, 5, 8, 9, 1000}) {
    explanations_ = {};
    constexpr int kSeconds = 100;
    constexpr int kAlarmsASecond = 50;
    int asked = 0;
    for (int64_t i = 0; i < kSeconds * kAlarmsASecond; ++i) {
      asked += Asks(i % classes);
      if (i % 3 == 0) explanations_.End();
      Wait(1000 / kAlarmsASecond);
    }
    EXPECT_LE(asked, 2 * kSeconds + 8) << classes << " classes";
  }
}

}  // namespace
}  // namespace millrace
