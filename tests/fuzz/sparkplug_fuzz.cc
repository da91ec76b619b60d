// SPDX-License-Identifier: Apache-2.0
// A few messages of edge nodes and devices, in any order, of which any byte may be wrong.
#include "client/live/live_clock.h"
#include "client/live/sparkplug_decoder.h"
#include "tests/fuzz/mutated.h"

using namespace millrace;        // NOLINT: the fuzzer's entry point lies outside
using namespace millrace::fuzz;  // NOLINT

namespace {

constexpr const char* kTopics[] = {"spBv1.0/g/NBIRTH/n",   "spBv1.0/g/DBIRTH/n/m",
                                   "spBv1.0/g/NDATA/n",    "spBv1.0/g/DDATA/n/m",
                                   "spBv1.0/g/DDEATH/n/m", "spBv1.0/g/NDEATH/n"};

std::string HonestMessage() {
  internal::SparkplugPayload message;
  message.set_timestamp(1767225600'000);
  message.set_seq(1);
  for (const char* const name : {"a", "b", "bdSeq"}) {
    internal::SparkplugMetric& metric = *message.add_metrics();
    metric.set_name(name);
    metric.set_alias(static_cast<uint64_t>(name[0]));
    metric.set_datatype(4);
    metric.set_long_value(7);
  }
  return message.SerializeAsString();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string& honest = *new std::string(HonestMessage());
  const ChannelTable table({"m/a", "m/b", "n/a"});
  SourceRecord record("fuzz");
  StreamChannels channels(&table, {}, &record);
  SparkplugDecoder decoder(&channels);
  int64_t now_ns = 0;
  while (size >= 2) {
    const char* const topic = kTopics[data[0] % std::size(kTopics)];
    const size_t length = std::min<size_t>(data[1], size - 2);
    const auto result = decoder.Take(topic, Mutated(honest, {data + 2, length}), now_ns, now_ns);
    if (result.ok()) {
      for (const Sample& sample : result->samples) {
        if (sample.channel < 0 || sample.channel >= table.size()) __builtin_trap();
      }
    }
    data += 2 + length;
    size -= 2 + length;
    now_ns += 3 * kNsPerS;
  }
  decoder.AllDead();
  return 0;
}
