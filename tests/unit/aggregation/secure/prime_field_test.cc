// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/prime_field.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace millrace {
namespace {

constexpr uint64_t kPrime = Field61::kPrime;

// The ends of the field and of its halves, and random elements between them.
std::vector<uint64_t> FieldElements() {
  std::vector<uint64_t> elements = {0,
                                    1,
                                    2,
                                    kPrime - 1,
                                    kPrime - 2,
                                    uint64_t{1} << 60,
                                    kPrime / 2,
                                    kPrime / 2 + 1,
                                    uint64_t{1} << 31};
  Random random(1);
  for (int i = 0; i < 100; ++i) elements.push_back(random.Below(kPrime));
  return elements;
}

TEST(PrimeFieldTest, ASmallFieldIsTheIntegersModuloThePrime) {
  using Field = PrimeField<13>;
  for (uint64_t a = 0; a < 13; ++a) {
    for (uint64_t b = 0; b < 13; ++b) {
      EXPECT_EQ(Field::Add(a, b), (a + b) % 13);
      EXPECT_EQ(Field::Sub(a, b), (a + 13 - b) % 13);
      EXPECT_EQ(Field::Mul(a, b), a * b % 13);
    }
  }
}

TEST(PrimeFieldTest, TheMersennePrimesShortcutIsTheLongDivision) {
  using Wide = unsigned __int128;
  for (const uint64_t a : FieldElements()) {
    for (const uint64_t b : FieldElements()) {
      ASSERT_EQ(Field61::Mul(a, b), static_cast<uint64_t>(Wide{a} * b % kPrime)) << a << " " << b;
      ASSERT_EQ(Field61::Add(a, b), (a + b) % kPrime) << a << " " << b;
      ASSERT_EQ(Field61::Sub(a, b), (a + kPrime - b) % kPrime) << a << " " << b;
    }
  }
}

TEST(PrimeFieldTest, AnElementTimesItsInverseIsOne) {
  for (uint64_t a = 1; a < 1613; ++a) {
    ASSERT_EQ(PrimeField<1613>::Mul(a, PrimeField<1613>::Inverse(a)), 1u) << a;
  }
  for (const uint64_t a : FieldElements()) {
    if (a == 0) continue;
    ASSERT_EQ(Field61::Mul(a, Field61::Inverse(a)), 1u) << a;
  }
}

}  // namespace
}  // namespace millrace
