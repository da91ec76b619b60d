// SPDX-License-Identifier: Apache-2.0
#include "base/steady_clock.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(SteadyClock, GoesForwardByWhatWasSlept) {
  const absl::Time start = SteadyClock()->Now();
  SteadyClock()->Sleep(absl::Milliseconds(5));
  EXPECT_GE(SteadyClock()->Now() - start, absl::Milliseconds(5));
}

}  // namespace
}  // namespace millrace
