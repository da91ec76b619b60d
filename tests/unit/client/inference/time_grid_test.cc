// SPDX-License-Identifier: Apache-2.0
#include "client/inference/time_grid.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"
#include "client/inference/window_ring.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::NanSensitiveFloatEq;

constexpr int64_t kPeriod = 100'000'000;  // 10 rows a second
constexpr int64_t kGridStart = 1'700'000'000'000'000'000;
constexpr float kNoValue = std::numeric_limits<float>::quiet_NaN();

/// A grid with what it gave out.
struct GridRig {
  explicit GridRig(std::vector<double> sample_rows, int64_t patience = 3, int64_t disorder = 0)
      : grid({10, sample_rows, patience, disorder}), width(sample_rows.size()) {}

  /// At `row`, which need not be whole; it arrives at once.
  void Add(int32_t channel, double row, float value) { AddAt(row, channel, row, value); }

  /// It arrives when the clock is at row `now`.
  void AddAt(double now, int32_t channel, double row, float value) {
    const auto ns = [](double rows) { return static_cast<int64_t>(rows * kPeriod); };
    grid.Add(channel, kGridStart + ns(row), value, {ns(now), recorded});
    std::vector<float> values(width);
    while (const auto out = grid.Take(values)) {
      numbers.push_back(out->number - kGridStart / kPeriod);
      restarted.push_back(out->restarted);
      rows.push_back(values);
    }
  }

  TimeGrid grid;
  bool recorded = false;
  size_t width;
  std::vector<int64_t> numbers;
  std::vector<bool> restarted;
  std::vector<std::vector<float>> rows;
};

auto RowIs(float a, float b) { return ElementsAre(NanSensitiveFloatEq(a), NanSensitiveFloatEq(b)); }

TEST(TimeGridTest, RowIsOutAsSoonAsEveryChannelHasIt) {
  GridRig rig({1, 1});
  rig.Add(0, 0, 1);
  EXPECT_THAT(rig.rows, IsEmpty());
  rig.Add(1, 0.3, 2);  // nearest to row 0
  rig.Add(1, 1, 4);
  EXPECT_THAT(rig.rows, ElementsAre(RowIs(1, 2)));
  rig.Add(0, 0.8, 3);
  EXPECT_THAT(rig.rows, ElementsAre(RowIs(1, 2), RowIs(3, 4)));
  EXPECT_THAT(rig.numbers, ElementsAre(0, 1));
}

TEST(TimeGridTest, RowsKeepStepWithARateWhosePeriodIsNoWholeNumberOfNanoseconds) {
  constexpr double kRate = 12'000;  // a period of 83,333.33 ns
  TimeGrid grid({kRate, {1}, 3, 0});
  int64_t rows = 0;
  std::vector<float> values(1);
  constexpr int kSamples = 500'000;
  for (int i = 0; i < kSamples; ++i) {
    const int64_t time_ns = kGridStart + std::llround(i * 1e9 / kRate);
    grid.Add(0, time_ns, static_cast<float>(i), {time_ns});
    while (const auto row = grid.Take(values)) {
      EXPECT_EQ(values[0], static_cast<float>(rows++));
      EXPECT_LE(std::abs(grid.TimeOf(row->number) - time_ns), 1);
    }
  }
  EXPECT_EQ(rows, kSamples);
  EXPECT_EQ(grid.counts().duplicates, 0);
}

TEST(TimeGridTest, OrderOfArrivalDoesNotMatterWithinTheDisorderAllowed) {
  Random random(3);
  for (int trial = 0; trial < 200; ++trial) {
    GridRig rig({1, 1}, /*patience=*/12, /*disorder=*/6);
    rig.Add(0, 0, 0);
    rig.Add(1, 0, 100);
    for (int first = 1; first < 37; first += 6) {
      std::vector<std::pair<int32_t, int>> samples;
      for (int row = first; row < first + 6; ++row) {
        samples.push_back({0, row});
        samples.push_back({1, row});
      }
      for (size_t i = samples.size() - 1; i > 0; --i) {
        std::swap(samples[i], samples[random.Below(i + 1)]);
      }
      for (const auto& [channel, row] : samples) rig.Add(channel, row, 100.F * channel + row);
    }
    ASSERT_GE(rig.rows.size(), 31u);
    for (int row = 0; row < 31; ++row) {
      EXPECT_EQ(rig.numbers[row], row);
      EXPECT_THAT(rig.rows[row], RowIs(row, 100 + row));
    }
    EXPECT_EQ(rig.grid.counts().late + rig.grid.counts().duplicates, 0);
  }
}

TEST(TimeGridTest, ChannelThatIsSilentIsMissingOnceThePatienceIsOver) {
  GridRig rig({1, 1});
  rig.Add(1, 0, 9);
  for (int row = 0; row < 4; ++row) rig.Add(0, row, row);
  EXPECT_THAT(rig.numbers, ElementsAre(0));
  rig.Add(0, 4, 4);
  rig.Add(0, 5, 5);
  EXPECT_THAT(rig.rows, ElementsAre(RowIs(0, 9), RowIs(1, 9), RowIs(2, kNoValue)));
  rig.Add(1, 1, 10);  // too late
  EXPECT_EQ(rig.grid.counts().late, 1);
}

TEST(TimeGridTest, SourceThatIsALittleSlowerThanItsRateLosesNothing) {
  GridRig rig({1, 1});
  int slower = 0;
  for (int i = 0; i < 1000; ++i) {
    rig.Add(0, i, 1);
    for (; 1.01 * slower <= i; ++slower) rig.Add(1, 1.01 * slower, 2);
  }
  for (const auto& row : rig.rows) EXPECT_THAT(row, RowIs(1, 2));
  EXPECT_GT(rig.rows.size(), 990u);
}

TEST(TimeGridTest, FasterChannelGivesItsMean) {
  GridRig rig({0.25, 1});
  const float values[] = {1, 2, 3, 6};
  for (int i = 0; i < 4; ++i) rig.Add(0, -0.4 + 0.25 * i, values[i]);
  rig.Add(1, 0, 5);
  EXPECT_THAT(rig.rows, ElementsAre(RowIs(3, 5)));
}

TEST(TimeGridTest, SlowerChannelIsHeldUntilItsNextSampleIsDue) {
  GridRig rig({1, 4});
  rig.Add(1, 0, 50);
  for (int row = 0; row < 10; ++row) rig.Add(0, row, row);
  // Due at 4, and not there: its rows wait as long as any.
  EXPECT_THAT(rig.rows, ElementsAre(RowIs(0, 50), RowIs(1, 50), RowIs(2, 50), RowIs(3, 50),
                                    RowIs(4, 50), RowIs(5, 50), RowIs(6, kNoValue)));
  rig.Add(1, 7, 60);
  EXPECT_THAT(rig.rows.back(), RowIs(9, 60));
}

TEST(TimeGridTest, SecondValueOfARowIsCountedAndDropped) {
  GridRig rig({1, 1});
  rig.Add(0, 0, 1);
  rig.Add(0, 0, 7);
  rig.Add(1, 0, 2);
  EXPECT_THAT(rig.rows, ElementsAre(RowIs(1, 2)));
  EXPECT_EQ(rig.grid.counts().duplicates, 1);
}

TEST(TimeGridTest, SampleThatIsDeliveredTwiceCountsOnceInAMean) {
  GridRig rig({0.25, 1});
  rig.Add(0, -0.4, 1);
  rig.Add(0, -0.15, 2);
  // The link broke, and what was not acknowledged comes again, with what follows.
  rig.Add(0, -0.4, 1);
  rig.Add(0, -0.15, 2);
  rig.Add(0, 0.1, 3);
  rig.Add(1, 0, 5);
  EXPECT_THAT(rig.rows, IsEmpty()) << "one is to come";
  rig.Add(0, 0.35, 6);
  EXPECT_THAT(rig.rows, ElementsAre(RowIs(3, 5)));
  EXPECT_EQ(rig.grid.counts().duplicates, 2);
}

TEST(TimeGridTest, BlockThatIsDeliveredTwiceCountsOnce) {
  constexpr int kBlock = 32;
  GridRig rig({1.0 / kBlock, 1});
  for (int time = 0; time < 2; ++time) {
    for (int i = 0; i < kBlock / 2; ++i) {
      rig.Add(0, -0.45 + i / 40.0, static_cast<float>(i));
    }
  }
  EXPECT_EQ(rig.grid.counts().duplicates, kBlock / 2);
  for (int i = kBlock / 2; i < kBlock; ++i) rig.Add(0, -0.45 + i / 40.0, static_cast<float>(i));
  rig.Add(1, 0, 5);
  EXPECT_THAT(rig.rows, ElementsAre(RowIs((kBlock - 1) / 2.F, 5)));
}

TEST(TimeGridTest, ChannelWithSeveralSamplesToATimeLosesNone) {
  GridRig rig({0.25, 1});
  for (int row = 0; row < 5; ++row) {
    for (const float value : {1.F, 2.F, 2.F, 7.F}) rig.Add(0, row, value);
    rig.Add(1, row, 5);
  }
  EXPECT_EQ(rig.grid.counts().duplicates, 0);
  for (const auto& row : rig.rows) EXPECT_THAT(row, RowIs(3, 5));
  GridRig still({0.125, 1});  // and whose values are the same
  for (int row = 0; row < 5; ++row) {
    for (int i = 0; i < 8; ++i) still.Add(0, row, 2);
    still.Add(1, row, 5);
  }
  EXPECT_EQ(still.grid.counts().duplicates, 3) << "until it was clear";
  for (const auto& row : still.rows) EXPECT_THAT(row, RowIs(2, 5));
}

TEST(TimeGridTest, OneOddMessageMakesAClockCoarseForAWhileOnly) {
  GridRig rig({0.25, 1});
  int64_t quarters = 0;
  const auto go_on = [&](int samples) {
    for (int i = 0; i < samples; ++i, ++quarters) {
      const double row = static_cast<double>(quarters) / 4 - 0.4;
      rig.Add(0, row, static_cast<float>(i));
      if (quarters % 4 == 3) rig.Add(1, static_cast<double>(quarters / 4), 5);
    }
  };
  /// The last sample, which may have come with another value.
  const auto again = [&](float value) {
    rig.Add(0, static_cast<double>(quarters - 1) / 4 - 0.4, value);
  };
  go_on(2);
  again(7);
  again(1);
  EXPECT_EQ(rig.grid.counts().duplicates, 0) << "its clock may be coarse";
  go_on(4400);
  ASSERT_EQ(quarters % 4, 2) << "the row is not full";
  again(4399);
  EXPECT_EQ(rig.grid.counts().duplicates, 1);
}

TEST(TimeGridTest, SampleThatComesAgainAfterManyOthersCountsTwiceAndALateOneIsLate) {
  constexpr int kSamples = 64;
  GridRig rig({1.0 / kSamples, 1});
  for (int i = 0; i < 40; ++i) rig.Add(0, i / 100.0, static_cast<float>(i));
  rig.Add(0, 0, 0);
  EXPECT_EQ(rig.grid.counts().duplicates, 0);
  rig.Add(1, 0, 5);
  rig.Add(0, 1, 0);  // the row is out without the rest
  ASSERT_THAT(rig.numbers, ElementsAre(0));
  rig.Add(0, 0.39, 39);
  EXPECT_EQ(rig.grid.counts().late, 1);
}

TEST(TimeGridTest, ValueThatTheSourceCallsBadIsMissing) {
  GridRig rig({1, 1});
  rig.Add(0, 0, kNoValue);
  rig.Add(1, 0, 2);
  EXPECT_THAT(rig.rows, ElementsAre(RowIs(kNoValue, 2)));
}

TEST(TimeGridTest, ChannelWhoseClockIsAheadDoesNotTakeTheOthersAlong) {
  GridRig rig({1, 1});
  for (int row = 0; row < 20; ++row) {
    rig.Add(0, row, row);
    rig.AddAt(row, 1, row + 1'000'000, 1);
  }
  EXPECT_EQ(rig.grid.counts().restarts, 0);
  EXPECT_EQ(rig.grid.counts().early, 20);
  EXPECT_EQ(rig.numbers.size(), 17u);
}

TEST(TimeGridTest, BlockOfAChannelWhoseClockIsAheadDoesNotEither) {
  GridRig rig({1, 1});
  for (int row = 0; row < 20; ++row) {
    rig.Add(0, row, row);
    rig.Add(1, row, 1);
    for (int i = 0; i < 8; ++i) rig.AddAt(row, 1, row + 1'000'000 + i, 1);
  }
  EXPECT_EQ(rig.grid.counts().restarts, 0);
  EXPECT_EQ(rig.numbers.size(), 20u);
}

TEST(TimeGridTest, StandstillIsFollowedWithoutAChannelThatDiedInIt) {
  GridRig rig({1, 1});
  rig.Add(0, 0, 1);
  rig.Add(1, 0, 2);
  for (int row = 5000; row < 5100; ++row) rig.Add(0, row, 1);
  EXPECT_EQ(rig.grid.counts().restarts, 1);
  EXPECT_THAT(rig.rows.back(), RowIs(1, kNoValue));
}

TEST(TimeGridTest, RowsStartAnewAfterAStandstill) {
  GridRig rig({1, 1});
  for (const double row : {0.0, 1.0, 5000.0, 5001.0, 5002.0, 5003.0, 5004.0}) {
    rig.Add(0, row, 1);
    rig.Add(1, row, 2);
  }
  EXPECT_THAT(rig.numbers, ElementsAre(0, 1, 5000, 5001, 5002, 5003, 5004));
  EXPECT_THAT(rig.restarted, ElementsAre(false, false, true, false, false, false, false));
  for (const auto& row : rig.rows) EXPECT_THAT(row, RowIs(1, 2));
  EXPECT_EQ(rig.grid.counts().restarts, 1);
}

TEST(TimeGridTest, ClockThatIsSetBackIsFollowedAfterAWhile) {
  GridRig rig({1, 1});
  rig.Add(0, 10'000, 1);
  rig.Add(1, 10'000, 2);
  for (int row = 0; row < 40; ++row) {
    rig.AddAt(10'000 + row, 0, row, 1);
    rig.AddAt(10'000 + row, 1, row, 2);
  }
  EXPECT_EQ(rig.grid.counts().restarts, 1);
  EXPECT_EQ(rig.numbers.back(), 39);
  EXPECT_GT(rig.numbers.size(), 30u);
}

TEST(TimeGridTest, ClockThatIsSetAheadIsFollowedOnceThreeRowsOfEachChannelSayIt) {
  GridRig rig({1, 1});
  for (int row = 0; row < 10; ++row) {
    const int told = row < 3 ? row : row + 5000;
    rig.AddAt(row, 0, told, 1);
    rig.AddAt(row, 1, told, 2);
  }
  EXPECT_THAT(rig.numbers, ElementsAre(0, 1, 2, 5006, 5007, 5008, 5009));
  EXPECT_EQ(rig.grid.counts().restarts, 1);
}

TEST(TimeGridTest, RecordingsOfAFewRowsEachLoseOneOfThemAtMost) {
  GridRig rig({1, 1});
  rig.recorded = true;
  for (int recording = 0; recording < 5; ++recording) {
    for (int row = 6000 * recording; row < 6000 * recording + 3; ++row) {
      rig.AddAt(0, 0, row, 1);
      rig.AddAt(0, 1, row, 2);
    }
  }
  EXPECT_THAT(rig.numbers,
              ElementsAre(0, 1, 2, 6001, 6002, 12'001, 12'002, 18'001, 18'002, 24'001, 24'002));
}

TEST(TimeGridTest, BurstsOfAPlantLoseNothing) {
  GridRig rig({1, 1});
  for (int burst = 0; burst < 5; ++burst) {
    rig.AddAt(6000 * burst + 2, 0, 6000 * burst, 1);
    rig.AddAt(6000 * burst + 2, 1, 6000 * burst, 2);
  }
  EXPECT_THAT(rig.numbers, ElementsAre(0, 6000, 12'000, 18'000, 24'000));
}

TEST(TimeGridTest, MessageWithAWrongDateCostsItself) {
  GridRig rig({1, 1});
  for (int row = 0; row < 20; ++row) {
    const double told = row == 10 ? 1e9 : row;
    rig.AddAt(row, 0, told, 1);
    rig.AddAt(row, 1, told, 2);
  }
  EXPECT_EQ(rig.grid.counts().restarts, 0);
  EXPECT_EQ(rig.grid.counts().early, 2);
  EXPECT_EQ(rig.numbers.size(), 20u);
  EXPECT_THAT(rig.rows[10], RowIs(1, 2)) << "held";
}

TEST(TimeGridTest, MessagesWithWrongDatesThatDoNotFollowEachOtherConfirmNothing) {
  GridRig rig({1});
  rig.Add(0, 0, 1);
  for (int i = 1; i < 10; ++i) rig.AddAt(1, 0, 1e6 * i, 1);
  EXPECT_EQ(rig.grid.counts().restarts, 0);
  EXPECT_EQ(rig.grid.counts().early, 9);
}

TEST(TimeGridTest, FlushOfOldReadingsDoesNotMoveTheRows) {
  GridRig rig({1, 1});
  for (int row = 0; row < 40; ++row) {
    rig.AddAt(row, 0, row, 1);
    rig.AddAt(row, 1, row, 2);
    for (int old = 0; row == 20 && old < 1000; ++old) rig.AddAt(row, old % 2, old - 72'000, 3);
  }
  EXPECT_EQ(rig.grid.counts().restarts, 0);
  EXPECT_EQ(rig.grid.counts().late, 1000);
  EXPECT_EQ(rig.numbers.size(), 40u);
  for (const auto& row : rig.rows) EXPECT_THAT(row, RowIs(1, 2));
}

TEST(TimeGridTest, FlushAfterAStandstillDoesNotEither) {
  GridRig rig({1, 1});
  rig.Add(0, 0, 1);
  rig.Add(1, 0, 2);
  rig.AddAt(1, 0, -1, 1);  // late, and the last for long
  for (int old = 0; old < 1000; ++old) rig.AddAt(5000, old % 2, old - 72'000, 3);
  EXPECT_EQ(rig.grid.counts().restarts, 0);
}

TEST(TimeGridTest, FastSamplesKeepTheirMeanExactly) {
  GridRig rig({1e-4});
  constexpr int kOfARow = 10'000;
  for (int i = 0; i < kOfARow; ++i) rig.Add(0, -0.49 + i * 0.98 / kOfARow, 8'388'608 + i % 2 * 2);
  ASSERT_EQ(rig.rows.size(), 1u);
  EXPECT_EQ(rig.rows[0][0], 8'388'609);
}

TEST(TimeGridTest, AbsurdTimesEndNothing) {
  GridRig rig({1, 1});
  for (int i = 0; i < 100; ++i) {
    for (const int64_t time : {std::numeric_limits<int64_t>::min(), int64_t{-1}, int64_t{0},
                               std::numeric_limits<int64_t>::max()}) {
      rig.grid.Add(i % 2, time, 1, {i});
      std::vector<float> values(2);
      for (int taken = 0; taken < 100; ++taken) {
        const auto row = rig.grid.Take(values);
        if (!row) break;
        rig.grid.TimeOf(row->number);
      }
    }
  }
  EXPECT_GT(rig.grid.counts().early + rig.grid.counts().late, 0);
}

TEST(WindowRingTest, HasTheLastRowsAsOnePiece) {
  WindowRing<int> ring(3, 2);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ring.full(), i >= 3);
    const int row[] = {10 * i, 10 * i + 1};
    ring.Push(row);
  }
  EXPECT_THAT(ring.window(), ElementsAre(70, 71, 80, 81, 90, 91));
  ring.Clear();
  EXPECT_FALSE(ring.full());
}

}  // namespace
}  // namespace millrace
