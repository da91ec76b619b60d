// SPDX-License-Identifier: Apache-2.0
// The bulk messages that the coordinator reads without parsing them whole, cut into slices as the
// network may.
#include "coordinator/rpc/raw_chunks.h"
#include "tests/fuzz/mutated.h"

using namespace millrace;        // NOLINT: the fuzzer's entry point lies outside
using namespace millrace::fuzz;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  v1::AppendRequest honest;
  honest.set_data("some bytes of an update");
  const std::string bytes = Mutated(honest.SerializeAsString(), {data + 1, size - 1});
  const size_t cut = data[0] % (bytes.size() + 1);
  const grpc::Slice slices[] = {grpc::Slice(bytes.data(), cut),
                                grpc::Slice(bytes.data() + cut, bytes.size() - cut)};
  const grpc::ByteBuffer message(slices, 2);
  const absl::StatusOr<AppendData> read = ReadAppendData(message);
  v1::AppendRequest parsed;
  if (read.ok() && parsed.ParseFromString(bytes)) {
    // Both readers agree on what they both take.
    if (!parsed.has_data() ||
        parsed.data() != std::string(read->bytes().data(), read->bytes().size())) {
      __builtin_trap();
    }
  }
  return 0;
}
