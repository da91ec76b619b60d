// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/stepped_clock.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file_system.h"

namespace millrace::testing {

SteppedClock::SteppedClock() {
  const int file = ::open(Path("ahead").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  MR_CHECK(::ftruncate(file, sizeof(int64_t)) == 0);
  void* const page = ::mmap(nullptr, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  MR_CHECK(page != MAP_FAILED);
  ::close(file);
  ahead_ = static_cast<std::atomic<int64_t>*>(page);
}

SteppedClock::~SteppedClock() { ::munmap(ahead_, sizeof(int64_t)); }

std::string SteppedClock::Under(const std::string& program) const {
  namespace fs = std::filesystem;
  const std::string path = Path(fs::path(program).filename().string());
  const std::string script =
      absl::StrCat("#!/bin/sh\nexec env LD_PRELOAD=", MILLRACE_STEPPED_CLOCK_LIBRARY,
                   " MILLRACE_STEPPED_CLOCK=", Path("ahead"), " ", program, " \"$@\"\n");
  MR_CHECK(WriteFileDurably(PosixFileSystem(), path, script).ok());
  fs::permissions(path, fs::perms::owner_all);
  return path;
}

}  // namespace millrace::testing
