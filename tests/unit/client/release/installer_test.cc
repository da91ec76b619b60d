// SPDX-License-Identifier: Apache-2.0
#include "client/release/installer.h"

#include <gmock/gmock.h>

#include <limits>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::HasSubstr;

class SteppedClock : public LiveClock {
 public:
  int64_t UnixNs() override { return now_ns; }
  int64_t MonotonicNs() override { return now_ns; }
  int64_t now_ns = 0;
};

/// Takes `takes_ns` a window.
class TimedPredictor : public Predictor {
 public:
  TimedPredictor(SteppedClock* clock, int64_t takes_ns, float value)
      : clock_(clock), takes_ns_(takes_ns), value_(value) {}
  absl::Status Predict(std::span<const float>, std::span<float> outputs) override {
    clock_->now_ns += takes_ns_;
    std::ranges::fill(outputs, value_);
    return absl::OkStatus();
  }
  absl::StatusOr<Attribution> Attribute(std::span<const float>, std::span<const float>,
                                        int64_t) override {
    return absl::UnimplementedError("");
  }
  int64_t width() const override { return 4; }

 private:
  SteppedClock* const clock_;
  const int64_t takes_ns_;
  const float value_;
};

class InstallerTest : public ::testing::Test {
 protected:
  absl::StatusOr<Installation> Try(int64_t version, int64_t takes_ns, const Serving* serving,
                                   float value = 1) {
    ModelPackage package;
    package.manifest.set_name("pumps");
    package.manifest.set_version(version);
    package.plan.input.channels = {"a", "b"};
    package.plan.input.window = 2;
    return Install(
        std::move(package),
        [&](const ModelPackage&) -> absl::StatusOr<std::unique_ptr<Predictor>> {
          return std::make_unique<TimedPredictor>(&clock_, takes_ns, value);
        },
        predictors_, serving, InstallLimits{.slower = 3}, &clock_);
  }

  SteppedClock clock_;
  size_t predictors_ = 1;
};

TEST_F(InstallerTest, MeasuresWhatAWindowTakes) {
  MR_ASSERT_OK_AND_ASSIGN(const Installation installation, Try(1, 250'000, nullptr));
  EXPECT_EQ(installation.window_ns, 250'000);
  EXPECT_EQ(installation.model->package.manifest.version(), 1);
}

TEST_F(InstallerTest, ThereAreAsManyPredictorsAsThreadsAndOneWhereNobodyAsks) {
  for (const size_t threads : {3, 0}) {
    predictors_ = threads;
    MR_ASSERT_OK_AND_ASSIGN(const Installation installation, Try(1, 250'000, nullptr));
    EXPECT_EQ(installation.model->predictors.size(), std::max<size_t>(threads, 1));
    EXPECT_EQ(installation.window_ns, 250'000);
  }
}

TEST_F(InstallerTest, ModelThatIsMuchSlowerIsRefused) {
  const Serving serving{.version = 1, .window_ns = 250'000};
  MR_EXPECT_OK(Try(2, 700'000, &serving));
  EXPECT_THAT(Try(2, 800'000, &serving).status(),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("takes 800 us")));
  const Serving tiny{.version = 1, .window_ns = 2'000};
  MR_EXPECT_OK(Try(2, 50'000, &tiny));  // nobody notices
}

TEST_F(InstallerTest, OneThatServesIsMeasuredAnewWhereTheMachineMayBeSlow) {
  ModelPackage serves;
  serves.plan.input.channels = {"a", "b"};
  serves.plan.input.window = 2;
  const Serving serving{.version = 1, .window_ns = 250'000, .package = &serves};
  MR_EXPECT_OK(Try(2, 900'000, &serving));  // this one takes as long now
}

TEST_F(InstallerTest, ModelThatGivesNoNumberIsRefused) {
  EXPECT_THAT(Try(1, 1000, nullptr, std::numeric_limits<float>::quiet_NaN()).status(),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("model 'pumps' version 1: it gives values that are not finite")));
}

}  // namespace
}  // namespace millrace
