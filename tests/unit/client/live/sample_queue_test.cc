// SPDX-License-Identifier: Apache-2.0
#include "client/live/sample_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

SampleBatch Batch(std::vector<float> values, uint64_t source = 0) {
  SampleBatch batch;
  batch.source = source;
  for (const float value : values) batch.samples.push_back({.value = value});
  return batch;
}

std::vector<float> Taken(SampleQueue& queue) {
  std::vector<float> values;
  for (const SampleBatch& batch : queue.TakeAll(absl::ZeroDuration())) {
    for (const Sample& sample : batch.samples) values.push_back(sample.value);
  }
  return values;
}

TEST(SampleQueueTest, GivesAllThatWaitsInTheOrderInWhichItCame) {
  SampleQueue queue(10);
  queue.Accept(Batch({1, 2}));
  queue.Accept(Batch({3}));
  EXPECT_EQ(queue.waiting(), 3);
  EXPECT_THAT(Taken(queue), ElementsAre(1, 2, 3));
  EXPECT_EQ(queue.waiting(), 0);
  EXPECT_EQ(queue.dropped(), 0);
}

TEST(SampleQueueTest, DropsTheOldestBatchesWhenItIsFullAndCountsTheirSamples) {
  SampleQueue queue(4);
  queue.Accept(Batch({1, 2}));
  queue.Accept(Batch({3}));
  queue.Accept(Batch({4, 5}));
  EXPECT_EQ(queue.dropped(), 2);
  EXPECT_THAT(Taken(queue), ElementsAre(3, 4, 5));
}

TEST(SampleQueueTest, KeepsTheNewestSamplesOfABatchThatIsLargerThanItself) {
  SampleQueue queue(2);
  queue.Accept(Batch({0}));
  queue.Accept(Batch({1, 2, 3}));
  EXPECT_EQ(queue.dropped(), 2);
  EXPECT_THAT(Taken(queue), ElementsAre(2, 3));
}

TEST(SampleQueueTest, FloodCostsItsOwnSourceAndNotTheOthers) {
  SampleQueue queue(6);
  queue.Accept(Batch({1, 2}, /*source=*/1));
  for (int i = 10; i < 30; ++i) queue.Accept(Batch({static_cast<float>(i)}, /*source=*/2));
  queue.Accept(Batch({3}, /*source=*/1));
  EXPECT_EQ(queue.dropped(), 17);
  EXPECT_EQ(queue.waiting(), 6);
  EXPECT_THAT(Taken(queue), ElementsAre(1, 2, 27, 28, 29, 3));
}

TEST(SampleQueueTest, BatchThatAloneIsTheFloodLeavesTheOthers) {
  SampleQueue queue(4);
  queue.Accept(Batch({1}, /*source=*/1));
  queue.Accept(Batch({2}, /*source=*/2));
  queue.Accept(Batch({3, 4, 5, 6, 7}, /*source=*/3));
  EXPECT_EQ(queue.dropped(), 3);
  EXPECT_THAT(Taken(queue), ElementsAre(1, 2, 6, 7));
}

TEST(SampleQueueTest, ManySourcesHaveEqualShares) {
  SampleQueue queue(12);
  for (int i = 0; i < 100; ++i) {
    for (uint64_t source = 0; source < 3; ++source) {
      queue.Accept(Batch({static_cast<float>(source)}, source));
    }
  }
  EXPECT_THAT(Taken(queue), ElementsAre(0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2));
}

TEST(SampleQueueTest, WhatIsTakenAtATimeIsSharedByTheSources) {
  SampleQueue queue(100);
  queue.Accept(Batch({1, 2, 3, 4, 5, 6, 7, 8, 9}, /*source=*/1));
  queue.Accept(Batch({10, 11}, /*source=*/2));
  queue.Accept(Batch({12}, /*source=*/2));
  const auto values = [&queue](int64_t most) {
    std::vector<float> taken;
    for (const SampleBatch& batch : queue.Take(most, absl::ZeroDuration())) {
      for (const Sample& sample : batch.samples) taken.push_back(sample.value);
    }
    return taken;
  };
  EXPECT_THAT(values(4), ElementsAre(1, 2, 10, 11));
  EXPECT_EQ(queue.waiting(), 8);
  EXPECT_THAT(values(4), ElementsAre(3, 4, 5, 12));
  EXPECT_THAT(values(4), ElementsAre(6, 7, 8, 9));
  EXPECT_EQ(queue.waiting(), 0);
  EXPECT_THAT(values(4), IsEmpty());
  EXPECT_EQ(queue.dropped(), 0);
}

TEST(SampleQueueTest, BatchThatIsTakenInPartsCountsForWhatIsLeftOfIt) {
  SampleQueue queue(6);
  queue.Accept(Batch({1, 2, 3, 4, 5}));
  queue.Take(2, absl::ZeroDuration());
  EXPECT_EQ(queue.waiting(), 3);
  queue.Accept(Batch({6, 7, 8}));
  EXPECT_EQ(queue.dropped(), 0) << "there was room";
  queue.Accept(Batch({9}));
  EXPECT_EQ(queue.dropped(), 3);
  EXPECT_THAT(Taken(queue), ElementsAre(6, 7, 8, 9));
}

TEST(SampleQueueTest, RestOfABatchIsHandedOverAlone) {
  SampleQueue queue(6);
  queue.Accept(Batch({1, 2, 3}));
  queue.Take(1, absl::ZeroDuration());
  queue.Take(1, absl::ZeroDuration());
  EXPECT_THAT(Taken(queue), ElementsAre(3));
}

TEST(SampleQueueTest, AnEmptyBatchIsNoNews) {
  SampleQueue queue(2);
  queue.Accept(Batch({}));
  EXPECT_THAT(queue.TakeAll(absl::ZeroDuration()), IsEmpty());
}

TEST(SampleQueueTest, WakesTheConsumerThatWaits) {
  SampleQueue queue(2);
  std::thread producer([&] { queue.Accept(Batch({7})); });
  EXPECT_EQ(queue.TakeAll(absl::InfiniteDuration()).size(), 1u);
  producer.join();
}

TEST(SampleQueueTest, CloseEndsTheWaitingOfBothSides) {
  SampleQueue queue(1);
  queue.Accept(Batch({1}));
  std::thread closer([&] { queue.Close(); });
  EXPECT_FALSE(queue.AwaitRoom(1, absl::InfiniteDuration()));
  closer.join();
  EXPECT_THAT(Taken(queue), ElementsAre(1)) << "what waited can still be taken";
  EXPECT_THAT(queue.TakeAll(absl::InfiniteDuration()), IsEmpty());
}

TEST(SampleQueueTest, ThereIsRoomOnceTheConsumerHasTaken) {
  SampleQueue queue(2);
  queue.Accept(Batch({1}));
  EXPECT_TRUE(queue.AwaitRoom(1, absl::ZeroDuration()));
  EXPECT_FALSE(queue.AwaitRoom(2, absl::ZeroDuration()));
  std::thread consumer([&] { queue.TakeAll(absl::InfiniteDuration()); });
  EXPECT_TRUE(queue.AwaitRoom(5, absl::InfiniteDuration())) << "as much as it can ever hold";
  consumer.join();
}

TEST(SampleQueueTest, ManyProducersLoseNothingThatIsNotCounted) {
  constexpr int kProducers = 4;
  constexpr int kBatches = 2000;
  SampleQueue queue(64);
  std::vector<std::thread> producers;
  for (int i = 0; i < kProducers; ++i) {
    producers.emplace_back([&] {
      for (int j = 0; j < kBatches; ++j) queue.Accept(Batch({1, 2, 3}));
    });
  }
  std::thread closer([&] {
    for (std::thread& producer : producers) producer.join();
    queue.Close();
  });
  int64_t taken = 0;
  while (true) {
    const auto batches = queue.TakeAll(absl::InfiniteDuration());
    if (batches.empty()) break;
    for (const SampleBatch& batch : batches) taken += static_cast<int64_t>(batch.samples.size());
  }
  closer.join();
  EXPECT_EQ(taken + queue.dropped(), kProducers * kBatches * 3);
}

}  // namespace
}  // namespace millrace
