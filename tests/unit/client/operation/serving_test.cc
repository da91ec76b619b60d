// SPDX-License-Identifier: Apache-2.0
// What keeps training from the verdicts' way: latencies, and what is decided from them.
#include <gtest/gtest.h>

#include "base/random.h"
#include "client/operation/latency_window.h"
#include "client/operation/training_brake.h"

namespace millrace {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kS = 1000 * kMs;

TEST(LatencyWindowTest, QuantileIsTheSampleQuantileWithinABin) {
  LatencyWindow window;
  Random random(1);
  std::vector<double> all;
  for (int64_t i = 0; i < 20'000; ++i) {
    const double latency = 1e5 * std::exp(3 * random.Uniform());
    all.push_back(latency);
    window.Add(static_cast<int64_t>(latency), 100 * kS + i * 400'000);
  }
  std::sort(all.begin(), all.end());
  for (const double share : {0.5, 0.9, 0.99, 1.0}) {
    const double exact = all[static_cast<size_t>(share * 20'000) - 1];
    const double quantile = window.Quantile(share, 108 * kS).value();
    EXPECT_GE(quantile, exact * (1 - 1e-5)) << share;
    EXPECT_LE(quantile, exact * (1 + LatencyWindow::kError) * (1 + 1e-5)) << share;
  }
}

TEST(LatencyWindowTest, ForgetsWhatIsOlderThanTenSeconds) {
  LatencyWindow window;
  EXPECT_EQ(window.Quantile(0.99, kS), std::nullopt);
  window.Add(100 * kMs, kS);
  window.Add(kMs, 5 * kS);
  EXPECT_GT(window.Quantile(1, 10 * kS).value(), 90.0 * kMs);
  EXPECT_LT(window.Quantile(1, 11 * kS).value(), 2.0 * kMs);
  EXPECT_EQ(window.Quantile(1, 15 * kS), std::nullopt);
  window.Add(0, 21 * kS);  // in the place of a second that is gone
  EXPECT_LT(window.Quantile(1, 21 * kS).value(), 2);
}

TEST(LatencyWindowTest, LongestLatencyHasAPlaceToo) {
  LatencyWindow window;
  window.Add(std::numeric_limits<int64_t>::max(), kS);
  EXPECT_GT(window.Quantile(1, kS).value(), 3e13);
}

/// Asks every 250 ms, and tells when the answer changed.
class BrakeRig {
 public:
  /// Of the whole time at this latency: the seconds that training stood still.
  double HeldSeconds(double p99_ms, double seconds) {
    int held = 0;
    for (const int64_t end_ns = now_ns_ + static_cast<int64_t>(seconds * kS); now_ns_ < end_ns;
         now_ns_ += 250 * kMs) {
      held += brake_.Decide(p99_ms * kMs, now_ns_);
    }
    return held / 4.0;
  }
  bool Held(std::optional<double> p99_ns = 0) { return brake_.Decide(p99_ns, now_ns_); }

 private:
  int64_t now_ns_ = 1000 * kS;
  TrainingBrake brake_{TrainingBrake::Options()};
};

TEST(TrainingBrakeTest, DangerHoldsTrainingOnceItLasts) {
  BrakeRig rig;
  EXPECT_EQ(rig.HeldSeconds(7.9, 60), 0) << "below 80 % of the budget of 10 ms";
  EXPECT_EQ(rig.HeldSeconds(50, 0.75), 0) << "for a moment";
  EXPECT_EQ(rig.HeldSeconds(1, 1), 0);
  EXPECT_EQ(rig.HeldSeconds(8.1, 11), 10) << "after a second";
}

TEST(TrainingBrakeTest, TrainingGoesOnOnceItIsCalmForAWhile) {
  BrakeRig rig;
  EXPECT_EQ(rig.HeldSeconds(20, 2), 1);
  EXPECT_EQ(rig.HeldSeconds(6, 30), 30) << "out of danger, but not calm";
  EXPECT_EQ(rig.HeldSeconds(4, 10), 10);
  EXPECT_EQ(rig.HeldSeconds(6, 1), 1) << "calm has to last";
  EXPECT_EQ(rig.HeldSeconds(4, 20), 15);
  EXPECT_EQ(rig.HeldSeconds(4, 20), 0);
}

TEST(TrainingBrakeTest, NoVerdictsAreCalm) {
  BrakeRig rig;
  EXPECT_EQ(rig.HeldSeconds(20, 2), 1);
  EXPECT_TRUE(rig.Held(std::nullopt));
  EXPECT_EQ(rig.HeldSeconds(0, 20), 15);
}

TEST(TrainingBrakeTest, PauseThatBringsNothingIsGivenUp) {
  BrakeRig rig;
  EXPECT_EQ(rig.HeldSeconds(20, 1), 0);
  EXPECT_EQ(rig.HeldSeconds(20, 240), 120) << "two minutes, then training runs for two";
  EXPECT_EQ(rig.HeldSeconds(20, 240), 120) << "and again";
}

TEST(TrainingBrakeTest, LongPauseThatHelpedIsEndedAndMayBeginAgainAtOnce) {
  BrakeRig rig;
  EXPECT_EQ(rig.HeldSeconds(20, 2), 1);
  EXPECT_EQ(rig.HeldSeconds(6, 130), 119);
  EXPECT_EQ(rig.HeldSeconds(20, 11), 10);
}

}  // namespace
}  // namespace millrace
