// SPDX-License-Identifier: Apache-2.0
#include "models/torch/blas_speed.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(BlasSpeedTest, AMatrixProductHasASpeedThatAMachineCanHave) {
  const double speed = GemmGflops();
  EXPECT_GT(speed, 0.05);
  EXPECT_LT(speed, 1e5);
}

}  // namespace
}  // namespace millrace
