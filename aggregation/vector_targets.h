// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>  // defines __GLIBC__ where it is
/// Before a function with a hot loop: compiles it for AVX-512, AVX2 and the baseline, and picks
/// one when the program is loaded. Only the baseline is built elsewhere than on x86-64 Linux, and
/// under the sanitizers that are not set up yet when the loader asks for the choice.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define MR_NO_VECTOR_TARGETS
#endif
#endif
// MILLRACE_SANITIZED: the build for ThreadSanitizer takes the compiler's own macro away.
#if defined(MILLRACE_SANITIZED) || defined(__SANITIZE_ADDRESS__) || \
    defined(__SANITIZE_THREAD__) || !defined(__x86_64__) || !defined(__GLIBC__)
#define MR_NO_VECTOR_TARGETS
#endif

#if defined(MR_NO_VECTOR_TARGETS)
#define MR_VECTOR_TARGETS
#else
#define MR_VECTOR_TARGETS __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
