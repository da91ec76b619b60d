// SPDX-License-Identifier: Apache-2.0
#include "models/scaling_digest.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

#include "models/package.h"

namespace millrace {
namespace {

/// Two channels, two modes and the overall one.
Scaling Statistics() {
  return {.channels = 2,
          .modes = {{3, {1, 2}, {0.5F, 4}, 10}, {7, {-1, 0}, {1, 1}, 20}},
          .overall = {-1, {0.25F, 1}, {2, 3}, 30}};
}

v1::Scaling Message() { return ToProto(Statistics()); }

using Change = std::function<void(v1::Scaling&)>;
const Change kChanges[] = {
    [](auto& scaling) { scaling.set_channels(3); },
    [](auto& scaling) { scaling.mutable_modes(0)->set_cell(4); },
    [](auto& scaling) { scaling.mutable_modes(1)->set_mean(0, 1); },
    [](auto& scaling) { scaling.mutable_modes(1)->set_mean(1, -0.0F); },
    [](auto& scaling) { scaling.mutable_modes(0)->set_deviation(1, 3e38F); },
    [](auto& scaling) { scaling.mutable_modes(0)->set_count(11); },
    [](auto& scaling) { scaling.mutable_modes()->RemoveLast(); },
    [](auto& scaling) { scaling.mutable_modes()->SwapElements(0, 1); },
    [](auto& scaling) { scaling.clear_modes(); },
    [](auto& scaling) { scaling.mutable_overall()->set_mean(1, 0); },
    [](auto& scaling) { scaling.mutable_overall()->set_deviation(0, 3e38F); },
    [](auto& scaling) { scaling.clear_overall(); },
    // A value goes over the border between two lists.
    [](auto& scaling) {
      v1::Scaling::Mode& mode = *scaling.mutable_modes(0);
      mode.mutable_mean()->RemoveLast();
      mode.mutable_deviation()->Clear();
      for (const float value : {2.0F, 0.5F, 4.0F}) mode.add_deviation(value);
    },
};

TEST(ScalingDigestTest, EveryScalingHasItsOwn) {
  std::set<Digest> digests = {Digest(), DigestOf(Message()), DigestOf(v1::Scaling())};
  for (const Change& change : kChanges) {
    v1::Scaling changed = Message();
    change(changed);
    EXPECT_TRUE(digests.insert(DigestOf(changed)).second) << changed.ShortDebugString();
  }
}

// Against a second way to it.
TEST(ScalingDigestTest, IsThatOfItsNumbersInLittleEndianBehindTheLabel) {
  v1::Scaling scaling;
  scaling.set_channels(1);
  scaling.mutable_overall()->set_cell(-1);
  scaling.mutable_overall()->add_mean(1);
  scaling.mutable_overall()->add_deviation(-2);
  scaling.mutable_overall()->set_count(258);
  const std::string one = {1, 0, 0, 0, 0, 0, 0, 0}, none(8, '\0');
  EXPECT_EQ(DigestOf(scaling),
            Sha256Of("millrace scaling v1" + one + none + std::string(4, '\xff') +  //
                     one + std::string({0, 0, '\x80', '\x3f'}) +                    //
                     one + std::string({0, 0, 0, '\xc0'}) +                         //
                     std::string({2, 1, 0, 0, 0, 0, 0, 0})));
}

// The coordinator digests what it keeps, a site what it was sent.
TEST(ScalingDigestTest, OfTheCoordinatorsStatisticsIsThatOfTheMessageThatASiteReads) {
  v1::Scaling sent;
  ASSERT_TRUE(sent.ParseFromString(Message().SerializeAsString()));
  EXPECT_EQ(DigestOf(sent), DigestOf(Message()));
  EXPECT_EQ(DigestOf(ToProto(FromProto(sent, 2).value())), DigestOf(Message()));
}

TEST(ScalingDigestTest, UnknownFieldsOfAMessageDoNotCount) {
  v1::Scaling sent;
  ASSERT_TRUE(sent.ParseFromString(Message().SerializeAsString() + "\xfa\x7f\x03"
                                                                   "abc"));
  ASSERT_NE(sent.ByteSizeLong(), Message().ByteSizeLong());
  EXPECT_EQ(DigestOf(sent), DigestOf(Message()));
}

}  // namespace
}  // namespace millrace
