// SPDX-License-Identifier: Apache-2.0
// What peers of a Modbus output send: cut into requests, none longer than what came.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "client/output/modbus_frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const uint8_t> rest(data, size);
  while (true) {
    const millrace::Frame frame = millrace::FirstFrame(rest);
    if (frame.kind == millrace::FrameKind::kUnfinished ||
        frame.kind == millrace::FrameKind::kNoModbus) {
      return 0;
    }
    MR_CHECK(frame.bytes >= 8 && frame.bytes <= rest.size());
    MR_CHECK(frame.bytes <= millrace::kMostFrameBytes);
    rest = rest.subspan(frame.bytes);
  }
}
