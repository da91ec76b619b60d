// SPDX-License-Identifier: Apache-2.0
#include "base/process_hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/check.h"

namespace millrace {

void ForbidCoreDumps() {
  // The limit alone does not stop a core_pattern that pipes to a program; see core(5).
  MR_CHECK(::prctl(PR_SET_DUMPABLE, 0) == 0);
  const rlimit none{0, 0};
  MR_CHECK(::setrlimit(RLIMIT_CORE, &none) == 0);
}

}  // namespace millrace
