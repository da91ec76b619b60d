// SPDX-License-Identifier: Apache-2.0
// Delimited text and arrays of a plant's loggers, whole or in pieces, and times as they write them.
#include <cmath>
#include <vector>

#include "base/check.h"
#include "client/data/fields.h"
#include "client/data/npy.h"
#include "client/live/growing_file.h"
#include "client/live/table_rows.h"
#include "client/live/timestamps.h"
#include "tests/fuzz/mutated.h"

using namespace millrace;        // NOLINT: the fuzzer's entry point lies outside
using namespace millrace::fuzz;  // NOLINT

namespace {

constexpr char kRows[] =
    "time,machine,a,\"b\"\n2026-01-01T00:00:00.5+01:00,m,1.5e3,nan\r\n"
    "1767225600123,m,\"7\",\n2026-01-01 00:00:00,k,-0.5,inf\n";

void ReadTable(const RowFormat& format, absl::string_view text, size_t piece) {
  const ChannelTable table({"m/a", "m/b"});
  SourceRecord record("fuzz");
  StreamChannels channels(&table, {}, &record);
  TableRows rows(format, &channels);
  FieldSplitter splitter(format.separator);
  std::vector<absl::string_view> fields;
  std::vector<Sample> samples;
  LineAssembler lines;
  bool has_columns = false;
  const auto take = [&](absl::string_view line) {
    if (!splitter.Split(line, &fields)) return;
    if (!has_columns) {
      has_columns = rows.SetColumns({fields.begin(), fields.end()}).ok();
      return;
    }
    const size_t before = samples.size();
    const absl::Status status = rows.Append(fields, 0, &samples);
    MR_CHECK(status.ok() || samples.size() == before);
    MR_CHECK(samples.size() - before <= fields.size());
  };
  while (!text.empty()) {
    lines.Feed(text.substr(0, piece), take, [](absl::string_view) {});
    text.remove_prefix(std::min(piece, text.size()));
  }
  for (const Sample& sample : samples) MR_CHECK(!std::isinf(sample.value) && sample.channel < 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::span<const uint8_t> rest(data + 2, size - 2);
  const auto time = static_cast<TimeFormat>(data[0] % 6);
  if (data[1] % 3 == 0) {
    const float numbers[] = {1, 2, 3, 4, 5, 6};
    const int64_t shape[] = {2, 3};
    const absl::StatusOr<NpyArray> array = ParseNpy(Mutated(NpyBytes(shape, numbers), rest));
    if (!array.ok()) return 0;
    int64_t values = 1;
    for (const int64_t dimension : array->shape) values *= dimension;
    MR_CHECK(values == std::ssize(array->values));
  } else if (data[1] % 3 == 1) {
    const std::string text = Mutated("2026-01-01T00:00:00.5+01:00", rest);
    const std::optional<int64_t> offset = ParseUtcOffset(text);
    MR_CHECK(!offset || std::abs(*offset) <= 14 * 3600);
    const std::optional<int64_t> ns = TimeOfText(time, text, offset.value_or(data[0]));
    MR_CHECK(!ns || *ns >= 0);
  } else {
    RowFormat format;
    format.time = time;
    format.time_column = "time";
    if (data[0] % 2 == 0) {
      format.machine_column = "machine";
    } else {
      format.machine = "m";
    }
    constexpr char kSeparators[] = {',', ';', '\t', ' '};
    format.separator = kSeparators[data[0] / 8 % 4];
    ReadTable(format, Mutated(kRows, rest), 1 + data[0] / 32);
  }
  return 0;
}
