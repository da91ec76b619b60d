// SPDX-License-Identifier: Apache-2.0
#include "client/release/window_times.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;

constexpr int64_t kMsOfTimes = 1'000'000;

class TimesClock : public LiveClock {
 public:
  int64_t UnixNs() override { return now_ns; }
  int64_t MonotonicNs() override { return now_ns; }
  int64_t now_ns = 0;
};

/// Takes `call_ns` a call and `window_ns` a window of four numbers more.
class MeasuredPredictor : public Predictor {
 public:
  MeasuredPredictor(TimesClock* clock, int64_t call_ns, int64_t window_ns)
      : clock_(clock), call_ns_(call_ns), window_ns_(window_ns) {}
  absl::Status Predict(std::span<const float> windows, std::span<float> outputs) override {
    ++calls;
    clock_->now_ns += call_ns_ + window_ns_ * static_cast<int64_t>(windows.size()) / 4;
    std::ranges::fill(outputs, gives);
    return absl::OkStatus();
  }
  absl::StatusOr<Attribution> Attribute(std::span<const float>, std::span<const float>,
                                        int64_t) override {
    return absl::UnimplementedError("");
  }
  int64_t width() const override { return 4; }

  int calls = 0;
  float gives = 1;

 private:
  TimesClock* const clock_;
  const int64_t call_ns_;
  const int64_t window_ns_;
};

class WindowTimesTest : public ::testing::Test {
 protected:
  WindowTimesTest() {
    input_.channels = {"a", "b"};
    input_.window = 2;
  }
  InputPlan input_;
  TimesClock clock_;
};

TEST_F(WindowTimesTest, WindowsAreMeasuredOneByOneAndAsManyAsAreScoredTogether) {
  MeasuredPredictor predictor(&clock_, 2 * kMsOfTimes, kMsOfTimes);
  MR_ASSERT_OK_AND_ASSIGN(const WindowTimes one, MeasureTimes(predictor, input_, {}, &clock_));
  EXPECT_EQ(one.one_ns, 3 * kMsOfTimes);
  EXPECT_EQ(one.batch_ns, one.one_ns);
  MR_ASSERT_OK_AND_ASSIGN(const WindowTimes many,
                          MeasureTimes(predictor, input_, {.batch = 10}, &clock_));
  EXPECT_EQ(many.one_ns, 3 * kMsOfTimes);
  EXPECT_EQ(many.batch_ns, 12 * kMsOfTimes);
}

TEST_F(WindowTimesTest, ModelThatTakesSecondsIsMeasuredAFewTimesOnly) {
  MeasuredPredictor predictor(&clock_, 2 * kNsPerS, 0);
  MR_ASSERT_OK_AND_ASSIGN(const WindowTimes times, MeasureTimes(predictor, input_, {}, &clock_));
  EXPECT_EQ(times.one_ns, 2 * kNsPerS);
  EXPECT_LT(predictor.calls, 10);
}

TEST_F(WindowTimesTest, WhoWaitsForTheModelMeasuresASlowOneLessOften) {
  const InstallLimits hasty{.measure_ns = kNsPerS / 4};
  MeasuredPredictor predictor(&clock_, 20 * kMsOfTimes, 0);
  MR_ASSERT_OK_AND_ASSIGN(const WindowTimes times, MeasureTimes(predictor, input_, hasty, &clock_));
  EXPECT_EQ(times.one_ns, 20 * kMsOfTimes);
  EXPECT_LE(predictor.calls, 20);
  MR_EXPECT_OK(WarmUp(predictor, input_, hasty, &clock_));
  EXPECT_LE(predictor.calls, 40);

  MeasuredPredictor quick(&clock_, kMsOfTimes / 10, 0);
  MR_ASSERT_OK(MeasureTimes(quick, input_, hasty, &clock_).status());
  EXPECT_GT(quick.calls, 100) << "which is as often as without a limit";
}

TEST_F(WindowTimesTest, MeasuringEndsBetweenTwoCallsOnceNobodyWaitsForTheModel) {
  MeasuredPredictor predictor(&clock_, 10 * kNsPerS, 0);
  InstallLimits limits;
  limits.halted = [&] { return predictor.calls == 3; };
  EXPECT_EQ(MeasureTimes(predictor, input_, limits, &clock_).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(WarmUp(predictor, input_, limits, &clock_).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(predictor.calls, 3);
}

TEST_F(WindowTimesTest, ValueThatIsNotFiniteIsFoundWhicheverWindowItIsOf) {
  MeasuredPredictor predictor(&clock_, kMsOfTimes, 0);
  predictor.gives = std::numeric_limits<float>::infinity();
  EXPECT_THAT(MeasureTimes(predictor, input_, {.batch = 8}, &clock_),
              IsStatus(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("not finite")));
}

}  // namespace
}  // namespace millrace
