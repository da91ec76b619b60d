// SPDX-License-Identifier: Apache-2.0
#include "client/live/delivery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "client/live/sample_queue.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int64_t kNowNs = 1'700'000'000 * kNsPerS;  // 2023-11-14
constexpr int64_t kHourNs = 3600 * kNsPerS;

class StandingClock final : public LiveClock {
 public:
  int64_t UnixNs() override { return kNowNs; }
  int64_t MonotonicNs() override { return 5; }
};

class DeliveryTest : public ::testing::Test {
 protected:
  StandingClock clock_;
  SampleQueue queue_{200'000};
  SourceContext context_{nullptr, &queue_, &clock_, nullptr, ""};
  SourceRecord record_{"line-1"};
};

TEST_F(DeliveryTest, SamplesFromTheFutureAreRefusedTogether) {
  std::vector<Sample> samples = {{kNowNs - 1000 * kHourNs, 0, 1},
                                 {7'200'000'000 * kNsPerS, 0, 2},
                                 {kNowNs + 23 * kHourNs, 1, 3},
                                 {kNowNs + 25 * kHourNs, 1, 4}};
  RefuseFuture(samples, context_, record_);
  EXPECT_THAT(samples, ElementsAre(::testing::Field(&Sample::value, 1),
                                   ::testing::Field(&Sample::value, 3)));
  EXPECT_EQ(record_.Status().refused, 1);
  EXPECT_THAT(record_.Status().last_refusal,
              HasSubstr("2 samples from the future, such as of 2198-02-27"));
}

TEST_F(DeliveryTest, NothingIsFromTheFutureWhereTheTimeOfTheDataSaysNothing) {
  context_.any_time = true;
  std::vector<Sample> samples = {{7'200'000'000 * kNsPerS, 0, 2}};
  RefuseFuture(samples, context_, record_);
  EXPECT_THAT(samples, SizeIs(1));
  EXPECT_EQ(record_.Status().refused, 0);
}

TEST_F(DeliveryTest, MuchComesInBatchesOfABoundedSizeInItsOrder) {
  constexpr size_t kMany = 2 * kMostBatchSamples + 1;
  std::vector<Sample> samples(kMany);
  for (size_t i = 0; i < kMany; ++i) samples[i].channel = static_cast<ChannelIndex>(i);
  Deliver(samples, /*arrived_ns=*/3, context_, record_);
  EXPECT_EQ(record_.Status().samples, kMany);
  const std::deque<SampleBatch> batches = queue_.TakeAll(absl::ZeroDuration());
  ASSERT_THAT(batches, SizeIs(3));
  EXPECT_THAT(batches[0].samples, SizeIs(kMostBatchSamples));
  EXPECT_EQ(batches[1].samples.front().channel, kMostBatchSamples);
  EXPECT_THAT(batches[2].samples, SizeIs(1));
  for (const SampleBatch& batch : batches) {
    EXPECT_EQ(batch.arrived_ns, 3);
    EXPECT_EQ(batch.source, record_.number());
  }
}

TEST_F(DeliveryTest, WhatIsRecordedIsMarkedAsThat) {
  const SteadyNotification stopped;
  EXPECT_TRUE(DeliverPatiently({{}}, /*recorded=*/true, context_, stopped, record_));
  EXPECT_TRUE(queue_.TakeAll(absl::ZeroDuration()).front().recorded);
}

TEST_F(DeliveryTest, NothingIsNoNews) {
  Deliver({}, 3, context_, record_);
  EXPECT_EQ(record_.Status().state, SourceState::kConnecting);
}

}  // namespace
}  // namespace millrace
