// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace millrace {

/// From here on a crash of this process writes no core file and hands no memory to a crash handler,
/// and no process of the same user may attach to it. Other than the limit on core files this does
/// not outlast an exec. Call it first in main(), before there are secrets. Root then owns this
/// process's /proc/<pid>: without root's rights it cannot open its own /proc/self/smaps or io.
void ForbidCoreDumps();

}  // namespace millrace
