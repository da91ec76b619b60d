// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/file_system.h"

namespace millrace {

/// Starts the write-back of a file that grows at its end every 4 MiB, so that the disk works while
/// the rest still arrives and the final sync finds little left to do.
class WriteBack {
 public:
  /// The file has `size` bytes now.
  void Grown(File* file, int64_t size) {
    if (size - started_ < kStep) return;
    file->StartWriteback(started_, size - started_);
    started_ = size;
  }

 private:
  static constexpr int64_t kStep = int64_t{4} << 20;
  int64_t started_ = 0;
};

}  // namespace millrace
