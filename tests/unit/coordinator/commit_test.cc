// SPDX-License-Identifier: Apache-2.0
#include "coordinator/engine/commit.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "aggregation/server_optimizer.h"
#include "base/memory_file_system.h"
#include "base/random.h"
#include "coordinator/blob/directory_blob_store.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;

// More than two of the chunks that a commit streams, the last one cut short.
constexpr int64_t kLong = (int64_t{1} << 19) + 77;

std::vector<float> Noise(int64_t size, int seed) {
  Random random(seed);
  std::vector<float> values(size);
  for (float& value : values) value = static_cast<float>(random.Normal());
  return values;
}

class CommitModelTest : public ::testing::Test {
 protected:
  CommitModelTest() : blobs_(DirectoryBlobStore::Create(&files_, "blobs").value()) {}

  Digest Write(const std::vector<float>& values) {
    return WriteBlob(blobs_.get(),
                     {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)})
        .value();
  }
  std::vector<float> Read(const Digest& digest) {
    const std::string bytes = ReadBlob(blobs_.get(), digest).value();
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  static ModelVersion VersionOf(const Digest& parameters, int64_t number = 0) {
    ModelVersion version;
    version.version = number;
    version.parameters = parameters;
    return version;
  }
  static WeightedSum SumOf(const std::vector<float>& delta, double weight) {
    WeightedSum sum(static_cast<int64_t>(delta.size()), 0);
    EXPECT_TRUE(sum.Fold(0, delta, weight));
    sum.AddWeight(weight);
    return sum;
  }

  MemoryFileSystem files_;
  std::unique_ptr<DirectoryBlobStore> blobs_;
};

class CommitWithEveryOptimizer : public CommitModelTest,
                                 public ::testing::WithParamInterface<ServerOptimizer> {};

TEST_P(CommitWithEveryOptimizer, StreamedRoundsEqualOneStepOverWholeVectors) {
  ServerPlan plan;
  plan.optimizer = GetParam();
  plan.learning_rate = 0.3;
  std::vector<float> parameters = Noise(kLong, 1);
  const auto vectors = static_cast<size_t>(StateVectors(plan.optimizer));
  std::vector<std::vector<float>> state;
  for (size_t i = 0; i < vectors; ++i) {
    state.emplace_back(kLong, static_cast<float>(InitialState(plan, static_cast<int64_t>(i))));
  }
  ModelVersion version = VersionOf(Write(parameters));
  for (int round = 1; round <= 2; ++round) {
    const WeightedSum sum = SumOf(Noise(kLong, 10 + round), 3);
    MR_ASSERT_OK_AND_ASSIGN(const NextModel next, CommitModel(plan, version, MeanOf(sum), *blobs_));
    version = VersionOf(next.parameters, round);
    version.optimizer_state = next.optimizer_state;

    std::vector<float> delta(kLong);
    sum.Mean(0, delta);
    ServerStep(plan, delta, parameters, vectors > 0 ? state[0] : std::span<float>(),
               vectors > 1 ? state[1] : std::span<float>());
    EXPECT_EQ(Read(next.parameters), parameters);
    ASSERT_EQ(next.optimizer_state.size(), vectors);
    for (size_t i = 0; i < vectors; ++i) EXPECT_EQ(Read(next.optimizer_state[i]), state[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CommitWithEveryOptimizer,
                         ::testing::Values(ServerOptimizer::kFedAvg, ServerOptimizer::kFedAvgM,
                                           ServerOptimizer::kFedAdagrad, ServerOptimizer::kFedAdam,
                                           ServerOptimizer::kFedYogi),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST_F(CommitModelTest, FedAvgAddsTheWeightedMean) {
  // Hand-computed: mean of (1, -2) with weight 1 and (3, 4) with weight 3 is (2.5, 2.5).
  WeightedSum sum(2, 0);
  ASSERT_TRUE(sum.Fold(0, std::vector<float>{1, -2}, 1));
  sum.AddWeight(1);
  ASSERT_TRUE(sum.Fold(0, std::vector<float>{3, 4}, 3));
  sum.AddWeight(3);
  const ModelVersion start = VersionOf(Write({10, 20}));
  MR_ASSERT_OK_AND_ASSIGN(const NextModel next, CommitModel({}, start, MeanOf(sum), *blobs_));
  EXPECT_THAT(Read(next.parameters), ::testing::ElementsAre(12.5, 22.5));
}

TEST_F(CommitModelTest, SecondTimeGivesTheSameDigests) {
  ServerPlan plan;
  plan.optimizer = ServerOptimizer::kFedAdam;
  const ModelVersion start = VersionOf(Write(Noise(1000, 1)));
  const WeightedSum sum = SumOf(Noise(1000, 2), 5);
  MR_ASSERT_OK_AND_ASSIGN(const NextModel once, CommitModel(plan, start, MeanOf(sum), *blobs_));
  MR_ASSERT_OK_AND_ASSIGN(const NextModel again, CommitModel(plan, start, MeanOf(sum), *blobs_));
  EXPECT_EQ(once.parameters, again.parameters);
  EXPECT_EQ(once.optimizer_state, again.optimizer_state);
}

TEST_F(CommitModelTest, ModelThatWouldNotBeFiniteIsAbortedAndLeavesNoBlob) {
  const float largest = std::numeric_limits<float>::max();
  std::vector<float> parameters(kLong, 0);
  parameters.back() = largest;
  const ModelVersion start = VersionOf(Write(parameters), 4);
  std::vector<float> delta(kLong, 0);
  delta.back() = largest;
  EXPECT_THAT(CommitModel({}, start, MeanOf(SumOf(delta, 1)), *blobs_),
              IsStatus(absl::StatusCode::kAborted, HasSubstr("version after 4")));
  EXPECT_THAT(blobs_->List(), testing::IsOkAndHolds(::testing::ElementsAre(start.parameters)));
}

TEST_F(CommitModelTest, ModelThatIsMissingIsNamed) {
  const ModelVersion start = VersionOf(Sha256Of("absent"));
  EXPECT_THAT(CommitModel({}, start, MeanOf(SumOf({1}, 1)), *blobs_),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr(Sha256Of("absent").Hex())));
}

}  // namespace
}  // namespace millrace
