// SPDX-License-Identifier: Apache-2.0
#include "client/data/npy.h"

#include <bit>
#include <cstring>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/status.h"
#include "client/data/fields.h"

namespace millrace {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kMaxHeaderBytes = size_t{64} << 10;

absl::Status Damaged(absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("not a readable .npy file: ", reason));
}

struct Header {
  std::string type;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

// The header is a Python dictionary of three entries: a string, a truth value and a tuple.
class HeaderParser {
 public:
  explicit HeaderParser(absl::string_view text) : text_(text) {}

  absl::StatusOr<Header> Parse() {
    Header header;
    if (!Take("{")) return Damaged("the header is no dictionary");
    int seen = 0;
    while (!Take("}")) {
      std::string key;
      if (!Quoted(&key) || !Take(":") || !Value(key, &header, &seen)) {
        return Damaged(absl::StrCat("header entry ", Shown(key), " cannot be read"));
      }
      if (!Take(",") && !absl::StartsWith(Rest(), "}")) return Damaged("the header does not end");
    }
    if (seen != (kDescr | kOrder | kShape)) {
      return Damaged("the header lacks one of descr, fortran_order, shape");
    }
    return header;
  }

 private:
  static constexpr int kDescr = 1;
  static constexpr int kOrder = 2;
  static constexpr int kShape = 4;

  absl::string_view Rest() {
    text_ = absl::StripLeadingAsciiWhitespace(text_);
    return text_;
  }

  bool Take(absl::string_view token) {
    if (!absl::StartsWith(Rest(), token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }

  bool Quoted(std::string* out) {
    const absl::string_view rest = Rest();
    if (rest.empty() || (rest[0] != '\'' && rest[0] != '"')) return false;
    const size_t end = rest.find(rest[0], 1);
    if (end == absl::string_view::npos) return false;
    *out = std::string(rest.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return true;
  }

  bool Tuple(std::vector<int64_t>* out) {
    if (!Take("(")) return false;
    const size_t end = text_.find(')');
    if (end == absl::string_view::npos) return false;
    const absl::string_view inside = absl::StripAsciiWhitespace(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    out->clear();
    if (inside.empty()) return true;
    std::vector<absl::string_view> parts = absl::StrSplit(inside, ',');
    if (absl::StripAsciiWhitespace(parts.back()).empty()) parts.pop_back();  // (3,)
    for (const absl::string_view part : parts) {
      int64_t extent = 0;
      if (!absl::SimpleAtoi(part, &extent) || extent < 0) return false;
      out->push_back(extent);
    }
    return true;
  }

  bool Value(absl::string_view key, Header* header, int* seen) {
    if (key == "descr") {
      *seen |= kDescr;
      return Quoted(&header->type);
    }
    if (key == "fortran_order") {
      *seen |= kOrder;
      header->fortran_order = Take("True");
      return header->fortran_order || Take("False");
    }
    *seen |= kShape;
    return key == "shape" && Tuple(&header->shape);
  }

  absl::string_view text_;
};

std::string ShapeText(std::span<const int64_t> shape) {
  return absl::StrCat("(", absl::StrJoin(shape, ", "), shape.size() == 1 ? ",)" : ")");
}

template <typename T>
absl::StatusOr<std::vector<float>> Numbers(const Header& header, absl::string_view data) {
  // Dividing instead of multiplying: a hostile shape would overflow the product.
  uint64_t room = data.size() / sizeof(T);
  uint64_t count = 1;
  for (const int64_t extent : header.shape) {
    const auto size = static_cast<uint64_t>(extent);
    if (size != 0 && count > room / size) {
      return Damaged(absl::StrCat("truncated: ", data.size(), " bytes of data for shape ",
                                  ShapeText(header.shape), " of ", header.type));
    }
    count *= size;
  }
  if (count * sizeof(T) != data.size()) {
    return Damaged(absl::StrCat(data.size() - count * sizeof(T), " bytes after the data of shape ",
                                ShapeText(header.shape)));
  }
  std::vector<float> values(count);
  for (uint64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<float>(value);
  }
  return values;
}

absl::StatusOr<std::vector<float>> NumbersOfType(const Header& header, absl::string_view data) {
  if (header.type == "<f4") return Numbers<float>(header, data);
  if (header.type == "<f8") return Numbers<double>(header, data);
  if (header.type == "<i2") return Numbers<int16_t>(header, data);
  if (header.type == "<i4") return Numbers<int32_t>(header, data);
  return Damaged(absl::StrCat("type ", Shown(header.type),
                              "; save little-endian float32, float64, int16 or int32"));
}

}  // namespace

absl::StatusOr<NpyArray> ParseNpy(absl::string_view bytes) {
  if (!absl::StartsWith(bytes, kMagic)) return Damaged("it does not begin with \\x93NUMPY");
  if (bytes.size() < kMagic.size() + 2) return Damaged("truncated in the header");
  const int major = static_cast<uint8_t>(bytes[6]);
  const int minor = static_cast<uint8_t>(bytes[7]);
  if ((major != 1 && major != 2) || minor != 0) {
    return Damaged(absl::StrCat("format version ", major, ".", minor, "; save 1.0 or 2.0"));
  }
  bytes.remove_prefix(kMagic.size() + 2);
  const size_t length_bytes = major == 1 ? 2 : 4;
  if (bytes.size() < length_bytes) return Damaged("truncated in the header");
  uint32_t length = 0;
  std::memcpy(&length, bytes.data(), length_bytes);
  bytes.remove_prefix(length_bytes);
  if (length > kMaxHeaderBytes) return Damaged(absl::StrCat("a header of ", length, " bytes"));
  if (bytes.size() < length) return Damaged("truncated in the header");
  MR_ASSIGN_OR_RETURN(Header header, HeaderParser(bytes.substr(0, length)).Parse());
  if (header.shape.empty() || header.shape.size() > 2) {
    return Damaged(absl::StrCat("shape ", ShapeText(header.shape),
                                "; one or two dimensions, "
                                "(steps,) or (steps, channels), are read"));
  }
  if (header.fortran_order && header.shape.size() > 1) {
    return Damaged("Fortran order; save it in C order (numpy.ascontiguousarray)");
  }
  MR_ASSIGN_OR_RETURN(std::vector<float> values, NumbersOfType(header, bytes.substr(length)));
  return NpyArray{.shape = std::move(header.shape), .values = std::move(values)};
}

std::string NpyBytes(std::span<const int64_t> shape, std::span<const float> values) {
  uint64_t count = 1;
  for (const int64_t extent : shape) count *= static_cast<uint64_t>(extent);
  MR_CHECK(count == values.size());
  std::string header =
      absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': ", ShapeText(shape), ", }");
  // Padded so that the data starts at a multiple of 64 bytes, as the format asks.
  constexpr size_t kBeforeHeader = 10;
  constexpr size_t kAlignment = 64;
  const size_t unpadded = kBeforeHeader + header.size() + 1;
  header.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  header.push_back('\n');
  const auto length = static_cast<uint16_t>(header.size());
  std::string bytes = absl::StrCat(kMagic, absl::string_view("\x01\x00", 2));
  bytes.append(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes.append(header);
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return bytes;
}

}  // namespace millrace
