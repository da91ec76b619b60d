// SPDX-License-Identifier: Apache-2.0
#include "client/live/sample_router.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

/// Of channels 0 to 3, the odd ones go to the second queue.
class SampleRouterTest : public ::testing::Test {
 protected:
  static SampleBatch BatchOf(const std::vector<ChannelIndex>& channels) {
    SampleBatch batch{7, {}};
    for (size_t i = 0; i < channels.size(); ++i) {
      batch.samples.push_back({.channel = channels[i], .value = static_cast<float>(i)});
    }
    return batch;
  }
  /// Channels and values that wait there.
  static std::vector<std::pair<ChannelIndex, float>> WaitingIn(SampleQueue& queue) {
    std::vector<std::pair<ChannelIndex, float>> samples;
    for (const SampleBatch& batch : queue.TakeAll(absl::ZeroDuration())) {
      EXPECT_EQ(batch.arrived_ns, 7);
      for (const Sample& sample : batch.samples) {
        samples.emplace_back(sample.channel, sample.value);
      }
    }
    return samples;
  }

  SampleQueue even_{4};
  SampleQueue odd_{4};
  SampleRouter router_{{{0, 0}, {1, 0}, {0, 1}, {1, 1}}, {&even_, &odd_}};
};

TEST_F(SampleRouterTest, EachQueueGetsItsChannelsInTheirOrderUnderItsOwnNumbers) {
  router_.Accept(BatchOf({2, 1, 0, 3}));
  router_.Accept(BatchOf({0}));
  EXPECT_THAT(WaitingIn(even_), ElementsAre(Pair(1, 0.F), Pair(0, 2.F), Pair(0, 0.F)));
  EXPECT_THAT(WaitingIn(odd_), ElementsAre(Pair(0, 1.F), Pair(1, 3.F)));
}

TEST_F(SampleRouterTest, BatchForOneQueueIsMovedThere) {
  SampleBatch batch = BatchOf({1, 3});
  const Sample* const samples = batch.samples.data();
  router_.Accept(std::move(batch));
  const auto moved = odd_.TakeAll(absl::ZeroDuration());
  ASSERT_EQ(moved.size(), 1);
  EXPECT_EQ(moved[0].samples.data(), samples);
  EXPECT_EQ(moved[0].samples[1].channel, 1);
  router_.Accept({});
  EXPECT_THAT(WaitingIn(even_), IsEmpty());
}

TEST_F(SampleRouterTest, QueueThatOverflowsDropsOnlyWhatIsItsOwn) {
  for (int i = 0; i < 3; ++i) router_.Accept(BatchOf({0, 2, 1}));
  EXPECT_EQ(even_.dropped(), 2);
  EXPECT_EQ(odd_.dropped(), 0);
}

TEST_F(SampleRouterTest, RoomIsAwaitedOnlyWhereTheSamplesGo) {
  router_.Accept(BatchOf({1, 1, 1}));
  EXPECT_TRUE(router_.AwaitRoom(BatchOf({0, 0, 0, 0}).samples, absl::ZeroDuration()));
  EXPECT_TRUE(router_.AwaitRoom(BatchOf({0, 0, 3}).samples, absl::ZeroDuration()));
  EXPECT_FALSE(router_.AwaitRoom(BatchOf({0, 3, 3}).samples, absl::Milliseconds(1)));
  WaitingIn(odd_);
  EXPECT_TRUE(router_.AwaitRoom(BatchOf({0, 3, 3}).samples, absl::InfiniteDuration()));
}

}  // namespace
}  // namespace millrace
