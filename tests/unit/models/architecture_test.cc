// SPDX-License-Identifier: Apache-2.0
#include "models/catalogue/architecture.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsOk;
using ::millrace::testing::IsStatus;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// C-MAPSS's shape: 14 channels, 30 steps.
Plan MakePlan(ModelKind kind) {
  Plan plan;
  plan.model.kind = kind;
  plan.input.channels.assign(14, "sensor");
  plan.input.window = 30;
  plan.label.kind = kind == ModelKind::kAutoencoder ? LabelKind::kNone : LabelKind::kRunToFailure;
  plan.label.cap = 125;
  return plan;
}

std::vector<std::string> Tensors(const Architecture& architecture) {
  std::vector<std::string> lines;
  for (const TensorSpec& spec : architecture.layout.tensors()) {
    std::string line = spec.name;
    for (const int64_t dimension : spec.shape) absl::StrAppend(&line, " ", dimension);
    lines.push_back(line);
  }
  return lines;
}

TEST(ArchitectureTest, MlpLayout) {
  Plan plan = MakePlan(ModelKind::kMlp);
  plan.model.hidden = {100, 50};
  MR_ASSERT_OK_AND_ASSIGN(const Architecture architecture, BuildArchitecture(plan));
  EXPECT_THAT(Tensors(architecture),
              ElementsAre("hidden.0.weight 100 420", "hidden.0.bias 100", "hidden.1.weight 50 100",
                          "hidden.1.bias 50", "head.weight 1 50", "head.bias 1"));
}

TEST(ArchitectureTest, Cnn1dLayout) {
  Plan plan = MakePlan(ModelKind::kCnn1d);
  plan.model.filters = {16, 32};
  plan.model.kernel = 5;
  plan.label = {.kind = LabelKind::kRecording, .column = "fault", .classes = 10, .cap = 0};
  MR_ASSERT_OK_AND_ASSIGN(const Architecture architecture, BuildArchitecture(plan));
  EXPECT_THAT(Tensors(architecture),
              ElementsAre("blocks.0.weight 16 14 5", "blocks.0.bias 16", "blocks.1.weight 32 16 5",
                          "blocks.1.bias 32", "head.weight 10 32", "head.bias 10"));
}

TEST(ArchitectureTest, GruLayout) {
  Plan plan = MakePlan(ModelKind::kGru);
  plan.model.hidden = {64};
  plan.model.layers = 2;
  MR_ASSERT_OK_AND_ASSIGN(const Architecture architecture, BuildArchitecture(plan));
  EXPECT_THAT(
      Tensors(architecture),
      ElementsAre("gru.weight_ih_l0 192 14", "gru.weight_hh_l0 192 64", "gru.bias_ih_l0 192",
                  "gru.bias_hh_l0 192", "gru.weight_ih_l1 192 64", "gru.weight_hh_l1 192 64",
                  "gru.bias_ih_l1 192", "gru.bias_hh_l1 192", "head.weight 1 64", "head.bias 1"));
  // torch.nn.GRU(14, 64, 2) has 40,320 parameters, the head 65.
  EXPECT_EQ(architecture.layout.size(), 40320 + 65);
}

TEST(ArchitectureTest, LstmHasFourGates) {
  Plan plan = MakePlan(ModelKind::kLstm);
  plan.model.hidden = {8};
  MR_ASSERT_OK_AND_ASSIGN(const Architecture architecture, BuildArchitecture(plan));
  EXPECT_THAT(Tensors(architecture),
              ElementsAre("lstm.weight_ih_l0 32 14", "lstm.weight_hh_l0 32 8", "lstm.bias_ih_l0 32",
                          "lstm.bias_hh_l0 32", "head.weight 1 8", "head.bias 1"));
}

TEST(ArchitectureTest, DenseAutoencoderMirrorsItsEncoder) {
  Plan plan = MakePlan(ModelKind::kAutoencoder);
  plan.model.hidden = {64, 8};
  MR_ASSERT_OK_AND_ASSIGN(const Architecture architecture, BuildArchitecture(plan));
  EXPECT_THAT(Tensors(architecture),
              ElementsAre("encoder.0.weight 64 420", "encoder.0.bias 64", "encoder.1.weight 8 64",
                          "encoder.1.bias 8", "decoder.0.weight 64 8", "decoder.0.bias 64",
                          "decoder.1.weight 420 64", "decoder.1.bias 420"));
}

TEST(ArchitectureTest, ConvolutionalAutoencoderMirrorsItsEncoder) {
  Plan plan = MakePlan(ModelKind::kAutoencoder);
  plan.model.convolutional = true;
  plan.model.filters = {32, 16};
  plan.model.strides = {2, 2};
  plan.model.kernel = 7;
  MR_ASSERT_OK_AND_ASSIGN(const Architecture architecture, BuildArchitecture(plan));
  EXPECT_THAT(Tensors(architecture), ElementsAre("encoder.0.weight 32 14 7", "encoder.0.bias 32",
                                                 "encoder.1.weight 16 32 7", "encoder.1.bias 16",
                                                 "decoder.0.weight 16 32 7", "decoder.0.bias 32",
                                                 "decoder.1.weight 32 14 7", "decoder.1.bias 14"));
}

TEST(ArchitectureTest, OnlyRunToFailureLabelsScaleTheOutput) {
  Plan plan = MakePlan(ModelKind::kMlp);
  plan.model.hidden = {4};
  EXPECT_EQ(LabelScale(plan.label), 125);
  EXPECT_THAT(BuildArchitecture(plan)->source, HasSubstr("h = h * 125"));
  plan.label.kind = LabelKind::kColumn;
  EXPECT_EQ(LabelScale(plan.label), 1);
  EXPECT_THAT(BuildArchitecture(plan)->source, Not(HasSubstr("h = h *")));
}

TEST(InitialParametersTest, TheSameSeedGivesTheSameVector) {
  Plan plan = MakePlan(ModelKind::kMlp);
  plan.model.hidden = {16};
  MR_ASSERT_OK_AND_ASSIGN(const Architecture architecture, BuildArchitecture(plan));
  EXPECT_EQ(InitialParameters(architecture, 5), InitialParameters(architecture, 5));
  EXPECT_NE(InitialParameters(architecture, 5), InitialParameters(architecture, 6));
  EXPECT_EQ(InitialParameters(architecture, 5).size(), architecture.layout.size());
}

/// Largest magnitude and mean square of tensor `i`.
struct Spread {
  double largest = 0;
  double mean_square = 0;
};

Spread SpreadOf(const Architecture& architecture, size_t i) {
  const std::vector<float> parameters = InitialParameters(architecture, 1);
  const int64_t count = architecture.layout.tensors()[i].Elements();
  Spread spread;
  for (int64_t j = 0; j < count; ++j) {
    const double value = parameters[architecture.layout.offset(i) + j];
    spread.largest = std::max(spread.largest, std::abs(value));
    spread.mean_square += value * value / static_cast<double>(count);
  }
  return spread;
}

/// A uniform distribution over [-bound, bound] has the mean square bound^2 / 3.
void ExpectUniform(const Architecture& architecture, size_t tensor, double bound) {
  const Spread spread = SpreadOf(architecture, tensor);
  EXPECT_LE(spread.largest, bound);
  EXPECT_GE(spread.largest, 0.97 * bound);
  EXPECT_NEAR(spread.mean_square / (bound * bound / 3), 1, 0.1);
}

TEST(InitialParametersTest, LinearLayersStartWithinTheRootOfTheirFanIn) {
  Plan plan = MakePlan(ModelKind::kMlp);
  plan.model.hidden = {400};
  MR_ASSERT_OK_AND_ASSIGN(const Architecture architecture, BuildArchitecture(plan));
  ExpectUniform(architecture, 0, 1 / std::sqrt(420.0));
  ExpectUniform(architecture, 1, 1 / std::sqrt(420.0));
}

TEST(InitialParametersTest, ConvolutionsCountTheirTapsAsFanIn) {
  Plan plan = MakePlan(ModelKind::kCnn1d);
  plan.model.filters = {64};
  plan.model.kernel = 5;
  MR_ASSERT_OK_AND_ASSIGN(const Architecture architecture, BuildArchitecture(plan));
  ExpectUniform(architecture, 0, 1 / std::sqrt(14 * 5.0));
}

TEST(InitialParametersTest, RecurrentWeightsStartWithinTheRootOfTheirWidth) {
  Plan plan = MakePlan(ModelKind::kGru);
  plan.model.hidden = {64};
  MR_ASSERT_OK_AND_ASSIGN(const Architecture architecture, BuildArchitecture(plan));
  ExpectUniform(architecture, 0, 1 / 8.0);
  ExpectUniform(architecture, 1, 1 / 8.0);
}

TEST(ArchitectureTest, AWindowTooShortForItsPoolingIsRefused) {
  Plan plan = MakePlan(ModelKind::kCnn1d);
  plan.model.filters = {8, 8, 8, 8};
  plan.model.pool = 3;  // 30, 10, 3, 1: the last block has nothing left to pool
  EXPECT_THAT(BuildArchitecture(plan),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("input.window = 30"), HasSubstr("model.filters[3]"))));
  plan.model.filters.pop_back();
  EXPECT_THAT(BuildArchitecture(plan), IsOk());
}

TEST(ArchitectureTest, AStrideBeyondTheCodeIsRefused) {
  Plan plan = MakePlan(ModelKind::kAutoencoder);
  plan.model.convolutional = true;
  plan.model.filters = {8, 8};
  plan.model.strides = {10, 4};  // 30, 3
  EXPECT_THAT(BuildArchitecture(plan),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("input.window")));
}

TEST(ArchitectureTest, StridesThatDoNotMatchTheBlocksAreRefused) {
  Plan plan = MakePlan(ModelKind::kCnn1d);
  plan.model.filters = {8, 8};
  plan.model.strides = {2};
  EXPECT_THAT(BuildArchitecture(plan),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("model.strides has 1")));
}

TEST(ArchitectureTest, ARecurrentModelHasOneWidth) {
  Plan plan = MakePlan(ModelKind::kGru);
  plan.model.hidden = {64, 64};
  EXPECT_THAT(BuildArchitecture(plan),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("model.hidden")));
}

TEST(ArchitectureTest, SizesOutsideTheBoundsAreRefusedByTheirKey) {
  for (const int64_t width : {int64_t{0}, int64_t{-3}, int64_t{1} << 62}) {
    Plan plan = MakePlan(ModelKind::kMlp);
    plan.model.hidden = {8, width};
    EXPECT_THAT(BuildArchitecture(plan),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("model.hidden[1]")));
  }
}

TEST(ArchitectureTest, MoreParametersThanAPackageHoldsAreRefused) {
  Plan plan = MakePlan(ModelKind::kMlp);
  plan.model.hidden = {65536, 65536};
  EXPECT_THAT(BuildArchitecture(plan),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("parameters in all, at most 500000000"),
                             HasSubstr("layers narrower"))));
}

TEST(ArchitectureTest, LabelsAndAutoencodersExcludeEachOther) {
  Plan plan = MakePlan(ModelKind::kAutoencoder);
  plan.model.hidden = {8};
  plan.label.kind = LabelKind::kColumn;
  EXPECT_THAT(BuildArchitecture(plan),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("model.kind")));
  plan = MakePlan(ModelKind::kMlp);
  plan.model.hidden = {8};
  plan.label.kind = LabelKind::kNone;
  EXPECT_THAT(BuildArchitecture(plan),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("model.kind")));
}

}  // namespace
}  // namespace millrace
