// SPDX-License-Identifier: Apache-2.0
#include "client/inference/scoring.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "base/random.h"

namespace millrace {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ScoringTest, ErrorsOfTheChannelsAreMeansOverTheirRows) {
  const std::vector<float> input = {1, 2, 3, 4, 5, 6};
  const std::vector<float> output = {1, 0, 3, 0, 8, 6};
  EXPECT_THAT(ChannelErrors(input, output, 2), ElementsAre(1, 2));
  EXPECT_DOUBLE_EQ(ReconstructionError(input, output), 1.5);
}

TEST(ScoringTest, ReconstructionErrorIsThePlainMeanWhateverTheLength) {
  Random random(1);
  for (const size_t size : {1, 7, 8, 9, 4095, 4097, 10'000}) {
    std::vector<float> input(size);
    std::vector<float> output(size);
    double sum = 0;
    for (size_t i = 0; i < size; ++i) {
      input[i] = static_cast<float>(random.Uniform());
      output[i] = static_cast<float>(random.Uniform());
      sum += std::abs(double{input[i]} - output[i]);
    }
    EXPECT_NEAR(ReconstructionError(input, output), sum / static_cast<double>(size), 1e-6);
  }
}

TEST(ScoringTest, ValueThatIsNoNumberMakesTheScoreNone) {
  std::vector<float> input(20, 1);
  input[13] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(ReconstructionError(input, std::vector<float>(20))));
}

TEST(ScoringTest, ProbabilityIsTheSoftmaxOfTheLargest) {
  const ClassScore score = Classify(std::vector<float>{0, std::log(3.0F), 0});
  EXPECT_EQ(score.predicted, 1);
  EXPECT_NEAR(score.probability, 0.6, 1e-6);
  EXPECT_NEAR(Classify(std::vector<float>{1000, -1000}).probability, 1, 1e-9);
  EXPECT_TRUE(std::isnan(
      Classify(std::vector<float>{0, std::numeric_limits<float>::infinity()}).probability));
}

TEST(ScoringTest, SharesAreOrderedAndAddUpToOne) {
  const std::vector<double> parts = {1, -6, 3};
  const std::vector<std::string> names = {"a", "b", "c"};
  const std::vector<ChannelShare> shares = SharesOf(parts, names);
  ASSERT_EQ(shares.size(), 3u);
  EXPECT_EQ(shares[0].channel, "b");
  EXPECT_DOUBLE_EQ(shares[0].share, 0.6);
  EXPECT_EQ(shares[2].channel, "a");
  EXPECT_DOUBLE_EQ(shares[0].share + shares[1].share + shares[2].share, 1);
  EXPECT_THAT(SharesOf(std::vector<double>{0, 0, 0}, names), IsEmpty());
  EXPECT_THAT(SharesOf(std::vector<double>{1, 0, NAN}, names), IsEmpty());
}

}  // namespace
}  // namespace millrace
