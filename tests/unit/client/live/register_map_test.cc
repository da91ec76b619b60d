// SPDX-License-Identifier: Apache-2.0
#include "client/live/register_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <vector>

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::IsNan;

constexpr RegisterTable kHolding = RegisterTable::kHolding;

RegisterPoint At(int64_t address, RegisterType type = RegisterType::kUint16,
                 RegisterTable table = kHolding) {
  RegisterPoint point;
  point.table = table;
  point.address = address;
  point.type = type;
  return point;
}

TEST(PlanReadsTest, NeighboursComeInOneReadWhateverTheirOrder) {
  const std::vector<RegisterPoint> points = {At(12), At(10, RegisterType::kFloat32), At(13)};
  EXPECT_THAT(PlanReads(points), ElementsAre(FieldsAre(kHolding, 10, 4, ElementsAre(1, 0, 2))));
}

TEST(PlanReadsTest, ARegisterThatNobodyAskedForIsNotRead) {
  const std::vector<RegisterPoint> points = {At(10), At(12)};
  EXPECT_THAT(PlanReads(points), ElementsAre(FieldsAre(kHolding, 10, 1, ElementsAre(0)),
                                             FieldsAre(kHolding, 12, 1, ElementsAre(1))));
}

TEST(PlanReadsTest, PointsOfOneRegisterShareItsRead) {
  const std::vector<RegisterPoint> points = {
      At(10, RegisterType::kBit), At(10, RegisterType::kFloat32), At(10, RegisterType::kBit)};
  EXPECT_THAT(PlanReads(points), ElementsAre(FieldsAre(kHolding, 10, 2, ElementsAre(0, 1, 2))));
}

TEST(PlanReadsTest, TablesAreReadApart) {
  const std::vector<RegisterPoint> points = {At(0),
                                             At(1, RegisterType::kUint16, RegisterTable::kInput),
                                             At(1, RegisterType::kBit, RegisterTable::kCoil)};
  EXPECT_EQ(PlanReads(points).size(), 3u);
}

TEST(PlanReadsTest, NoReadIsLongerThanTheProtocolAllows) {
  std::vector<RegisterPoint> points;
  for (int i = 0; i < 200; ++i) points.push_back(At(2 * i, RegisterType::kFloat32));
  int64_t registers = 0;
  for (const RegisterRead& read : PlanReads(points)) {
    EXPECT_LE(read.count, 125);
    registers += read.count;
  }
  EXPECT_EQ(registers, 400);
}

TEST(PlanReadsTest, ARefusedReadFallsIntoItsPoints) {
  const std::vector<RegisterPoint> points = {At(12), At(10, RegisterType::kFloat32)};
  EXPECT_THAT(ReadsOfEach(PlanReads(points)[0], points),
              ElementsAre(FieldsAre(kHolding, 10, 2, ElementsAre(1)),
                          FieldsAre(kHolding, 12, 1, ElementsAre(0))));
}

float Value(const RegisterPoint& point, std::vector<uint16_t> registers) {
  return PointValue(point, registers);
}

TEST(PointValueTest, ReadsEveryType) {
  EXPECT_EQ(Value(At(0, RegisterType::kUint16), {0xfffe}), 65534);
  EXPECT_EQ(Value(At(0, RegisterType::kInt16), {0xfffe}), -2);
  EXPECT_EQ(Value(At(0, RegisterType::kUint32), {0x0001, 0x0000}), 65536);
  EXPECT_EQ(Value(At(0, RegisterType::kInt32), {0xffff, 0xfffe}), -2);
  EXPECT_EQ(Value(At(0, RegisterType::kFloat32), {0x3fc0, 0x0000}), 1.5F);
  EXPECT_EQ(Value(At(0, RegisterType::kFloat64), {0x3ff8, 0, 0, 0}), 1.5F);
  RegisterPoint bit = At(0, RegisterType::kBit);
  bit.bit = 3;
  EXPECT_EQ(Value(bit, {0x0008}), 1);
  bit.bit = 2;
  EXPECT_EQ(Value(bit, {0x0008}), 0);
  EXPECT_EQ(Value(At(0, RegisterType::kBit, RegisterTable::kDiscrete), {1}), 1);
}

TEST(PointValueTest, ReadsEveryOrderOfBytesAndWords) {
  // 1.5F is 3f c0 00 00.
  RegisterPoint point = At(0, RegisterType::kFloat32);
  point.low_word_first = true;
  EXPECT_EQ(Value(point, {0x0000, 0x3fc0}), 1.5F);
  point.swap_bytes = true;
  EXPECT_EQ(Value(point, {0x0000, 0xc03f}), 1.5F);
  point.low_word_first = false;
  EXPECT_EQ(Value(point, {0xc03f, 0x0000}), 1.5F);
}

TEST(PointValueTest, ScalesAndCallsBadWhatIsNoNumber) {
  RegisterPoint point = At(0, RegisterType::kInt16);
  point.scale = 0.1;
  point.offset = -40;
  EXPECT_FLOAT_EQ(Value(point, {215}), -18.5F);
  EXPECT_THAT(Value(At(0, RegisterType::kFloat32), {0x7f80, 0}), IsNan()) << "infinity";
}

}  // namespace
}  // namespace millrace
