// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace millrace {

/// Makes the C library's allocator keep up to 256 MiB of freed memory instead of giving it back to
/// the kernel. A training step frees and allocates tensors of some MiB dozens of times; fetching
/// their pages anew each time costs an eighth of the CPU time of a GRU's training. Acts on the
/// whole process; without glibc it does nothing.
void KeepFreedMemory();

}  // namespace millrace
