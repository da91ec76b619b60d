// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/bearing.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

// The Case Western Reserve University bearing data center publishes geometry (inches) and defect
// orders of both of its bearings; its rolling-element order counts both strikes of a turn.
constexpr double kInch = 25.4;

TEST(BearingTest, Skf6205HasThePublishedOrders) {
  const FaultOrders orders = OrdersOf({.balls = 9,
                                       .ball_diameter_mm = 0.3126 * kInch,
                                       .pitch_diameter_mm = 1.537 * kInch,
                                       .contact_angle_rad = 0});
  EXPECT_NEAR(orders.outer, 3.5848, 2e-4);
  EXPECT_NEAR(orders.inner, 5.4152, 2e-4);
  EXPECT_NEAR(2 * orders.ball_spin, 4.7135, 2e-4);
  EXPECT_NEAR(orders.cage, 0.39828, 5e-5);
}

TEST(BearingTest, Skf6203HasThePublishedOrders) {
  const FaultOrders orders = OrdersOf({.balls = 8,
                                       .ball_diameter_mm = 0.2656 * kInch,
                                       .pitch_diameter_mm = 1.122 * kInch,
                                       .contact_angle_rad = 0});
  // The published ball diameter is rounded to half a ten-thousandth of an inch, 2e-4 of it.
  EXPECT_NEAR(orders.outer, 3.0530, 2e-4 * 3.0530);
  EXPECT_NEAR(orders.inner, 4.9469, 2e-4 * 4.9469);
  EXPECT_NEAR(2 * orders.ball_spin, 3.9874, 2e-4 * 3.9874);
  EXPECT_NEAR(orders.cage, 0.38170, 2e-4 * 0.38170);
}

TEST(BearingTest, EachBallPassesOneRaceOrTheOtherPerRelativeTurn) {
  const FaultOrders orders = OrdersOf(
      {.balls = 11, .ball_diameter_mm = 7, .pitch_diameter_mm = 40, .contact_angle_rad = 0.4});
  EXPECT_NEAR(orders.outer, 11 * orders.cage, 1e-12);
  EXPECT_NEAR(orders.inner, 11 * (1 - orders.cage), 1e-12);
}

}  // namespace
}  // namespace millrace
