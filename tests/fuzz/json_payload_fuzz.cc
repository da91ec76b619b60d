// SPDX-License-Identifier: Apache-2.0
// JSON of a plant's programs, and what becomes of its values and times.
#include <cmath>

#include "client/live/batch_builder.h"
#include "client/live/json_payload.h"
#include "tests/fuzz/mutated.h"

using namespace millrace;        // NOLINT: the fuzzer's entry point lies outside
using namespace millrace::fuzz;  // NOLINT

namespace {

constexpr char kNamed[] = R"([{"timestamp": "2026-01-01T00:00:00.5+01:00", "a": 1.5e3,
  "b": {"value": [1, null, -2], "timestamp": 1767225600123}, "c": "7", "d": {"e": [{}]}}])";
constexpr char kOne[] = R"({"x": [[1], {"y": true}], "value": [1, 2.5, false], "timestamp": 1})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  JsonFormat format;
  format.names_channels = data[0] % 2 == 0;
  format.time = static_cast<TimeFormat>(data[0] / 2 % 6);
  const std::string text = Mutated(format.names_channels ? kNamed : kOne, {data + 1, size - 1});
  Payload payload;
  if (!ReadJsonPayload(format, text, &payload).ok()) return 0;
  for (const PayloadBlock& block : payload.blocks) {
    if (block.count == 0 || block.begin + block.count > payload.values.size()) __builtin_trap();
    if (format.names_channels == block.channel.empty()) __builtin_trap();
  }
  for (const float value : payload.values) {
    if (std::isinf(value)) __builtin_trap();
  }
  const ChannelTable table({"m/a", "m/b"});
  SourceRecord record("fuzz");
  StreamChannels channels(&table, {}, &record);
  std::vector<Sample> samples;
  AppendSamples(payload, {0, "m", "a"}, {0.001, BlockTime::kLast}, channels, &samples);
  return 0;
}
