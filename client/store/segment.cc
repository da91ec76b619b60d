// SPDX-License-Identifier: Apache-2.0
#include "client/store/segment.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "millrace/internal/stored_rows.pb.h"

namespace millrace {
namespace {

constexpr char kMagic[] = {'M', 'R', 'B', '1'};
constexpr size_t kLengths = 12;  // bytes in front of the check
constexpr size_t kCheck = 8;
constexpr size_t kHeader = kLengths + kCheck;
constexpr int64_t kMaxIndexBytes = 4096;

void PutLength(std::string& out, size_t length) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(length >> shift));
}

int64_t GetLength(const char* bytes) {
  int64_t length = 0;
  for (int i = 3; i >= 0; --i) length = length << 8 | static_cast<uint8_t>(bytes[i]);
  return length;
}

std::string CheckOf(absl::string_view lengths, absl::string_view index) {
  return Sha256Of(absl::StrCat(lengths, index)).ToBytes().substr(0, kCheck);
}

absl::StatusOr<std::string> ReadBytes(File* file, int64_t offset, int64_t length) {
  std::string bytes(static_cast<size_t>(length), '\0');
  MR_RETURN_IF_ERROR(file->ReadAt(offset, std::span(bytes)));
  return bytes;
}

/// The block's place from its header and index; nothing if they are none.
std::optional<BlockPlace> PlaceOf(absl::string_view header, absl::string_view index,
                                  int64_t offset) {
  internal::StoredBlockIndex message;
  if (CheckOf(header.substr(0, kLengths), index) != header.substr(kLengths) ||
      !message.ParseFromString(std::string(index)) || message.first_ns() > message.last_ns()) {
    return std::nullopt;
  }
  const absl::StatusOr<Digest> sha256 = Digest::FromBytes(message.sha256());
  if (!sha256.ok()) return std::nullopt;
  BlockPlace place{message.machine(), message.first_ns(), message.last_ns(), offset, 0, 0, *sha256};
  place.rows_offset = offset + static_cast<int64_t>(kHeader + index.size());
  place.end = place.rows_offset + GetLength(header.data() + 8);
  return place;
}

}  // namespace

absl::StatusOr<EncodedBlock> EncodeBlock(const StoredRows& rows) {
  MR_RETURN_IF_ERROR(rows.Check());
  const std::string payload = rows.ToBytes();
  if (static_cast<int64_t>(payload.size()) > kMaxStoredBytes) {
    return absl::InvalidArgumentError(absl::StrCat("rows of ", rows.machine, ": ", payload.size(),
                                                   " bytes, at most ", kMaxStoredBytes));
  }
  EncodedBlock block;
  block.place = {rows.machine, rows.first_ns, rows.last_ns(), 0, 0, 0, Sha256Of(payload)};
  internal::StoredBlockIndex message;
  message.set_machine(rows.machine);
  message.set_first_ns(rows.first_ns);
  message.set_last_ns(rows.last_ns());
  message.set_sha256(block.place.sha256.ToBytes());
  const std::string index = message.SerializeAsString();
  block.bytes.assign(kMagic, sizeof(kMagic));
  PutLength(block.bytes, index.size());
  PutLength(block.bytes, payload.size());
  absl::StrAppend(&block.bytes, CheckOf(block.bytes, index), index, payload);
  block.place.rows_offset = static_cast<int64_t>(kHeader + index.size());
  block.place.end = static_cast<int64_t>(block.bytes.size());
  return block;
}

absl::StatusOr<SegmentScan> ScanSegment(File* file, bool read_rows) {
  MR_ASSIGN_OR_RETURN(const int64_t size, file->Size());
  SegmentScan scan;
  const auto ends = [&](SegmentEnd end) {
    scan.end = end;
    return scan;
  };
  while (scan.good_bytes < size) {
    const int64_t offset = scan.good_bytes;
    if (offset + static_cast<int64_t>(kHeader) > size) return ends(SegmentEnd::kTorn);
    MR_ASSIGN_OR_RETURN(const std::string header, ReadBytes(file, offset, kHeader));
    const int64_t index_bytes = GetLength(header.data() + 4);
    const int64_t rows_bytes = GetLength(header.data() + 8);
    if (!std::equal(std::begin(kMagic), std::end(kMagic), header.begin()) ||
        index_bytes > kMaxIndexBytes || rows_bytes > kMaxStoredBytes) {
      return ends(SegmentEnd::kCorrupt);
    }
    const int64_t index_offset = offset + static_cast<int64_t>(kHeader);
    if (index_offset + index_bytes > size) return ends(SegmentEnd::kTorn);
    MR_ASSIGN_OR_RETURN(const std::string index, ReadBytes(file, index_offset, index_bytes));
    const std::optional<BlockPlace> place = PlaceOf(header, index, offset);
    if (!place) return ends(SegmentEnd::kCorrupt);
    if (place->end > size) return ends(SegmentEnd::kTorn);
    if (read_rows) {
      const absl::StatusOr<StoredRows> rows = ReadBlock(file, *place);
      if (absl::IsDataLoss(rows.status())) return ends(SegmentEnd::kCorrupt);
      if (!rows.ok()) return rows.status();
    }
    scan.blocks.push_back(*place);
    scan.good_bytes = place->end;
  }
  return scan;
}

absl::StatusOr<StoredRows> ReadBlock(File* file, const BlockPlace& place) {
  MR_ASSIGN_OR_RETURN(const std::string payload,
                      ReadBytes(file, place.rows_offset, place.end - place.rows_offset));
  if (Sha256Of(payload) != place.sha256) {
    return absl::DataLossError("its rows are not those of its digest");
  }
  return StoredRows::Parse(payload);
}

}  // namespace millrace
