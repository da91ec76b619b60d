// SPDX-License-Identifier: Apache-2.0
// Blocks of numbers in every layout that a site's configuration can ask for.
#include <cmath>

#include "client/live/batch_builder.h"
#include "client/live/raw_payload.h"

using namespace millrace;  // NOLINT: the fuzzer's entry point lies outside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  RawFormat format;
  format.type = static_cast<RawType>(data[0] % 4);
  format.big_endian = data[0] / 4 % 2 == 1;
  format.header = static_cast<RawHeader>(data[0] / 8 % 5);
  format.scale = data[1] % 2 == 0 ? 1 : 1e30;
  if (data[1] / 2 % 2 == 1) format.channels = {"a", "b", "c"};
  Payload payload;
  const absl::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  if (!ReadRawPayload(format, bytes, &payload).ok()) return 0;
  for (const float value : payload.values) {
    if (std::isinf(value)) __builtin_trap();
  }
  const ChannelTable table({"m/a", "m/b"});
  SourceRecord record("fuzz");
  StreamChannels channels(&table, {}, &record);
  std::vector<Sample> samples;
  AppendSamples(payload, {0, "m", "a"}, {0.001, BlockTime::kFirst}, channels, &samples);
  return 0;
}
