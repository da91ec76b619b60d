// SPDX-License-Identifier: Apache-2.0
#include "client/live/raw_payload.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/live/timestamps.h"

namespace millrace {
namespace {

static_assert(std::endian::native == std::endian::little);

template <typename T>
T ValueAt(const char* bytes, bool big_endian) {
  char ordered[sizeof(T)];
  std::memcpy(ordered, bytes, sizeof(T));
  if (big_endian) std::reverse(ordered, ordered + sizeof(T));
  return std::bit_cast<T>(ordered);
}

absl::StatusOr<int64_t> HeaderTime(const RawFormat& format, absl::string_view bytes) {
  std::optional<int64_t> time;
  if (format.header == RawHeader::kUnixSeconds) {
    time = TimeOfNumber(TimeFormat::kSeconds, ValueAt<double>(bytes.data(), format.big_endian));
  } else {
    const TimeFormat unit = format.header == RawHeader::kUnixNs   ? TimeFormat::kNanoseconds
                            : format.header == RawHeader::kUnixUs ? TimeFormat::kMicroseconds
                                                                  : TimeFormat::kMilliseconds;
    time = TimeOfInteger(unit, ValueAt<int64_t>(bytes.data(), format.big_endian));
  }
  if (!time) return absl::InvalidArgumentError("the header's time cannot be");
  return *time;
}

// values[c * steps + s] = number[s * channels + c]
template <typename T>
void ReadValues(const RawFormat& format, absl::string_view bytes, size_t channels,
                std::vector<float>* values) {
  const size_t count = bytes.size() / sizeof(T);
  const size_t steps = count / channels;
  values->resize(count);
  for (size_t i = 0; i < count; ++i) {
    const double number = ValueAt<T>(bytes.data() + i * sizeof(T), format.big_endian);
    (*values)[i % channels * steps + i / channels] =
        SampleValue(format.scale * number + format.offset);
  }
}

size_t SizeOf(RawType type) {
  switch (type) {
    case RawType::kFloat64:
      return 8;
    case RawType::kInt16:
      return 2;
    case RawType::kFloat32:
    case RawType::kInt32:
      break;
  }
  return 4;
}

}  // namespace

absl::Status ReadRawPayload(const RawFormat& format, absl::string_view bytes, Payload* payload) {
  constexpr size_t kHeaderBytes = 8;
  payload->Clear();
  std::optional<int64_t> time_ns;
  if (format.header != RawHeader::kNone) {
    if (bytes.size() < kHeaderBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(bytes.size(), " bytes are less than the header's ", kHeaderBytes));
    }
    MR_ASSIGN_OR_RETURN(time_ns, HeaderTime(format, bytes));
    bytes.remove_prefix(kHeaderBytes);
  }
  const size_t channels = std::max<size_t>(1, format.channels.size());
  const size_t turn = SizeOf(format.type) * channels;
  if (bytes.empty() || bytes.size() % turn != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(bytes.size(), " bytes of values; they come in multiples of ", turn));
  }
  switch (format.type) {
    case RawType::kFloat32:
      ReadValues<float>(format, bytes, channels, &payload->values);
      break;
    case RawType::kFloat64:
      ReadValues<double>(format, bytes, channels, &payload->values);
      break;
    case RawType::kInt16:
      ReadValues<int16_t>(format, bytes, channels, &payload->values);
      break;
    case RawType::kInt32:
      ReadValues<int32_t>(format, bytes, channels, &payload->values);
      break;
  }
  const size_t steps = bytes.size() / turn;
  for (size_t c = 0; c < channels; ++c) {
    payload->blocks.push_back(
        {format.channels.empty() ? "" : format.channels[c], time_ns, c * steps, steps});
  }
  return absl::OkStatus();
}

}  // namespace millrace
