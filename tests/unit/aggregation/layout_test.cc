// SPDX-License-Identifier: Apache-2.0
#include "aggregation/layout.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;

TEST(LayoutTest, TensorsLieOneBehindTheOther) {
  MR_ASSERT_OK_AND_ASSIGN(
      const Layout layout,
      Layout::Create({{"weight", {2, 3}}, {"scale", {}}, {"bias", {4}}, {"last", {1, 1, 5}}}));
  EXPECT_EQ(layout.size(), 6 + 1 + 4 + 5);
  EXPECT_EQ(layout.offset(0), 0);
  EXPECT_EQ(layout.offset(1), 6);
  EXPECT_EQ(layout.offset(2), 7);
  EXPECT_EQ(layout.offset(3), 11);
  EXPECT_EQ(layout.tensors()[2].name, "bias");
}

TEST(LayoutTest, DigestIsThatOfTheCanonicalText) {
  MR_ASSERT_OK_AND_ASSIGN(
      const Layout layout,
      Layout::Create({{"head.weight", {2, 3}}, {"scale", {}}, {"head.bias", {3}}}));
  EXPECT_EQ(layout.digest(), Sha256Of("head.weight 2 3\nscale\nhead.bias 3\n"));
}

TEST(LayoutTest, DigestTellsOrderShapeAndNamesApart) {
  const auto digest = [](std::vector<TensorSpec> tensors) {
    return Layout::Create(std::move(tensors))->digest();
  };
  const Digest base = digest({{"a", {2, 3}}, {"b", {6}}});
  EXPECT_EQ(base, digest({{"a", {2, 3}}, {"b", {6}}}));
  EXPECT_NE(base, digest({{"b", {6}}, {"a", {2, 3}}}));
  EXPECT_NE(base, digest({{"a", {3, 2}}, {"b", {6}}}));
  EXPECT_NE(base, digest({{"a", {6}}, {"b", {6}}}));
  EXPECT_NE(base, digest({{"a", {2, 3}}, {"c", {6}}}));
}

TEST(LayoutTest, NoTensorsAreAnEmptyLayout) {
  MR_ASSERT_OK_AND_ASSIGN(const Layout layout, Layout::Create({}));
  EXPECT_EQ(layout.size(), 0);
  EXPECT_EQ(layout.digest(), Sha256Of(""));
}

TEST(LayoutTest, EmptyNameIsRefused) {
  EXPECT_THAT(Layout::Create({{"", {1}}}),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("tensor \"\"")));
}

TEST(LayoutTest, RepeatedNameIsRefused) {
  EXPECT_THAT(Layout::Create({{"w", {1}}, {"b", {1}}, {"w", {2}}}),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       HasSubstr("tensor \"w\": the name occurs twice")));
}

// "a 2" with shape [3] and "a" with shape [2, 3] would share their canonical text.
TEST(LayoutTest, NamesThatWouldMakeTheDigestAmbiguousAreRefused) {
  for (const char* name : {"a 2", "a\nb", "a\t", "\x7f", "gr\xc3\xbc\xc3\x9f"}) {
    EXPECT_THAT(Layout::Create({{name, {3}}}),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("printable ASCII")))
        << name;
  }
}

TEST(LayoutTest, DimensionBelowOneIsRefused) {
  for (const int64_t bad : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
    EXPECT_THAT(Layout::Create({{"w", {2, bad}}}),
                IsStatus(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("tensor \"w\""), HasSubstr("dimension below 1"))));
  }
}

TEST(LayoutTest, UpToTwoToThe40thElementsAreAccepted) {
  constexpr int64_t kHalf = int64_t{1} << 39;
  MR_EXPECT_OK(Layout::Create({{"a", {kHalf}}, {"b", {1 << 19, 1 << 20}}}));
  EXPECT_THAT(Layout::Create({{"a", {kHalf}}, {"b", {kHalf}}, {"c", {}}}),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("tensor \"c\""), HasSubstr("2^40"))));
}

TEST(LayoutTest, ShapesWhoseProductOverflowsAreRefused) {
  constexpr int64_t kBig = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(Layout::Create({{"w", {kBig, kBig, 2}}}),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("2^40")));
  // 2^32 * 2^32 wraps to 0.
  EXPECT_THAT(Layout::Create({{"w", {int64_t{1} << 32, int64_t{1} << 32}}}),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("2^40")));
}

}  // namespace
}  // namespace millrace
