// SPDX-License-Identifier: Apache-2.0
#include "base/process_hardening.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>

namespace millrace {
namespace {

[[noreturn]] void ExitWithZeroIfHardened() {
  ForbidCoreDumps();
  rlimit limit{1, 1};
  ::getrlimit(RLIMIT_CORE, &limit);
  std::_Exit(::prctl(PR_GET_DUMPABLE) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0 ? 0 : 1);
}

TEST(ProcessHardeningDeathTest, NeitherTheKernelNorACrashHandlerMayDumpTheProcess) {
  EXPECT_EXIT(ExitWithZeroIfHardened(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace millrace
