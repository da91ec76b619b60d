// SPDX-License-Identifier: Apache-2.0
// Staged updates become one sum, the same bits whatever order they came in.
#include <gmock/gmock.h>

#include <algorithm>

#include "base/memory_file_system.h"
#include "base/random.h"
#include "coordinator/engine/round_fold.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;

constexpr UpdateShape kShape{.parameters = (1 << 16) + 5, .statistics = 6};  // over one chunk

class RoundFoldTest : public ::testing::Test {
 protected:
  RoundFoldTest() : area_(UploadArea::Create(&files_, "uploads").value()), uploads_(area_.get()) {
    round_.id = {"tiny-1", 1, 1};
    round_.cohort = {"a", "b", "c", "d"};
  }

  static std::vector<float> VectorOf(const std::string& site) {
    Random random = Random(3).Fork(site);
    std::vector<float> vector(kShape.parameters + kShape.statistics);
    // Magnitudes so different that every other order of additions rounds differently.
    for (float& x : vector) {
      x = static_cast<float>(random.Normal() * (random.Below(2) == 0 ? 1e6 : 1e-6));
    }
    return vector;
  }
  static double WeightOf(const std::string& site) { return 1 + 0.1 * site[0]; }

  void Arrive(const std::string& site) {
    const std::vector<float> vector = VectorOf(site);
    const std::string bytes(reinterpret_cast<const char*>(vector.data()), kShape.bytes());
    const UpdateClaim claim{round_.id, site, kShape.bytes(), {}, WeightOf(site)};
    MR_ASSERT_OK_AND_ASSIGN(const auto upload, uploads_.Begin(claim, Sha256Of(bytes)));
    MR_ASSERT_OK(upload->Append(0, {bytes.data(), bytes.size()}));
    MR_ASSERT_OK(upload->Finish());
    round_.contributions[site] = {site, Sha256Of(bytes), WeightOf(site), kShape.bytes()};
  }

  static std::vector<double> Numbers(const WeightedSum& sum) {
    std::vector<float> mean(sum.parameters());
    sum.Mean(0, mean);
    std::vector<double> numbers(mean.begin(), mean.end());
    numbers.insert(numbers.end(), sum.statistics().begin(), sum.statistics().end());
    return numbers;
  }

  MemoryFileSystem files_;
  std::unique_ptr<UploadArea> area_;
  Uploads uploads_;
  RoundState round_;
};

TEST_F(RoundFoldTest, EveryOrderOfArrivalGivesTheSameBits) {
  std::vector<double> expected;
  for (std::vector<std::string> order = round_.cohort; order != round_.cohort || expected.empty();
       std::ranges::next_permutation(order)) {
    round_.contributions.clear();
    uploads_.DiscardRound(round_.id);
    round_.phase = RoundPhase::kOpen;
    RoundFold fold(round_.id, kShape, &uploads_);
    for (const std::string& site : order) {
      Arrive(site);
      MR_ASSERT_OK(fold.Advance(round_));
    }
    round_.phase = RoundPhase::kClosed;
    MR_ASSERT_OK(fold.Advance(round_));
    EXPECT_EQ(fold.sum().updates(), 4);
    if (expected.empty()) expected = Numbers(fold.sum());
    EXPECT_EQ(Numbers(fold.sum()), expected);
  }
}

TEST_F(RoundFoldTest, SumIsThatOfThePlainLoop) {
  for (const std::string& site : round_.cohort) Arrive(site);
  round_.phase = RoundPhase::kClosed;
  RoundFold fold(round_.id, kShape, &uploads_);
  MR_ASSERT_OK(fold.Advance(round_));
  std::vector<double> sum(kShape.parameters + kShape.statistics);
  double weights = 0;
  for (const std::string& site : round_.cohort) {
    const std::vector<float> vector = VectorOf(site);
    for (int64_t i = 0; i < std::ssize(sum); ++i) {
      sum[i] += (i < kShape.parameters ? WeightOf(site) : 1) * vector[i];
    }
    weights += WeightOf(site);
  }
  EXPECT_DOUBLE_EQ(fold.sum().total_weight(), weights);
  const std::vector<double> numbers = Numbers(fold.sum());
  for (int64_t i = 0; i < std::ssize(sum); ++i) {
    const double expected = i < kShape.parameters ? static_cast<float>(sum[i] / weights) : sum[i];
    ASSERT_FLOAT_EQ(numbers[i], expected) << i;
  }
}

TEST_F(RoundFoldTest, OpenRoundIsFoldedUpToTheFirstSiteThatMayStillCome) {
  RoundFold fold(round_.id, kShape, &uploads_);
  Arrive("c");
  MR_ASSERT_OK(fold.Advance(round_));
  EXPECT_EQ(fold.sum().updates(), 0);
  Arrive("a");
  MR_ASSERT_OK(fold.Advance(round_));
  EXPECT_EQ(fold.sum().updates(), 1);
  round_.phase = RoundPhase::kClosed;
  MR_ASSERT_OK(fold.Advance(round_));
  EXPECT_EQ(fold.sum().updates(), 2);
}

TEST_F(RoundFoldTest, UpdateThatChangedOnDiskIsAnErrorNamingTheSite) {
  Arrive("a");
  round_.phase = RoundPhase::kClosed;
  const auto file = files_.Open("uploads/tiny-1/1-1/a.update", FileSystem::OpenMode::kReadWrite);
  MR_ASSERT_OK(file);
  MR_ASSERT_OK((*file)->WriteAt(0, std::string_view("\xff\xff\xff\xff", 4)));  // NaN
  RoundFold fold(round_.id, kShape, &uploads_);
  EXPECT_THAT(fold.Advance(round_),
              IsStatus(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("site a"), HasSubstr("changed on disk"))));
}

}  // namespace
}  // namespace millrace
