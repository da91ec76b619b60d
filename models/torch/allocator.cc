// SPDX-License-Identifier: Apache-2.0
#include "models/torch/allocator.h"

#include <malloc.h>

namespace millrace {

void KeepFreedMemory() {
#ifdef __GLIBC__
  // Both, since setting one ends glibc's own adaptation of the other. 32 MiB is the largest block
  // that glibc takes from the heap at all.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
}

}  // namespace millrace
